"""silver.device from FHIR Device."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import DEVICE
from lakehouse.terminology import SNOMED, preferred
from spark_jobs.conform.parts import earliest, finish, latest, precision, reference_text
from spark_jobs.job import conforms


@conforms(view="device", writes=DEVICE)
def device(rows: DataFrame) -> DataFrame:
    """One row a device; nothing is asked of a person's birth, for devices are older than those who get them."""
    columns = {
        "patient_reference": reference_text(rows, "patient"),
        "is_withdrawn": F.coalesce(rows["status"] == "entered-in-error", F.lit(False)),
        "snomed_code": preferred(rows["type_codes"], SNOMED),
        "device_name": F.coalesce(rows["user_friendly_name"], rows["label_name"], F.get(rows["names"], F.lit(0))),
        "device_names": rows["names"],
        "manufactured_precision": precision(rows["manufactured_at_text"]),
        "expires_precision": precision(rows["expires_at_text"]),
        "owner_reference": reference_text(rows, "owner"),
        "location_reference": reference_text(rows, "location"),
        "parent_device_reference": reference_text(rows, "parent_device"),
        "_manufactured_earliest": earliest(rows["manufactured_at"], rows["manufactured_at_text"]),
        "_expires_latest": latest(rows["expires_at"], rows["expires_at_text"]),
    }
    return finish(rows.withColumns(columns), DEVICE, "_manufactured_earliest", "_expires_latest")
