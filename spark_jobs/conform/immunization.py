"""silver.immunization from FHIR Immunization."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import IMMUNIZATION, PATIENT
from lakehouse.terminology import CVX, NDC, SNOMED, first_code, npi_check_digit_ok, preferred
from spark_jobs.conform.parts import dated, finish, latest, npi, precision, reference_text, with_birth
from spark_jobs.job import Lookup, conforms


def _performer(rows: DataFrame, of_main: Column, of_first: Column) -> Column:
    """The administering performer's value where there is one at all, else that of the first who did not only order."""
    there = [rows[f"main_{part}"].isNotNull() for part in ("id", "ref", "ref_value")]
    return F.when(there[0] | there[1] | there[2], of_main).otherwise(of_first)


@conforms(view="immunization", writes=IMMUNIZATION, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def immunization(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row a vaccination."""
    expires = rows["expires_on"].cast("timestamp")
    columns = {
        "patient_reference": reference_text(rows, "patient"),
        "encounter_reference": reference_text(rows, "encounter"),
        "status_reason_code": first_code(rows["status_reason_codes"]),
        "is_done": F.coalesce(rows["status"] == "completed", F.lit(False)),
        "cvx_code": preferred(rows["codes"], CVX),
        "ndc_code": preferred(rows["codes"], NDC),
        "snomed_code": preferred(rows["codes"], SNOMED),
        **dated("occurred", rows["occurred_at"], rows["occurred_at_text"]),
        **dated("recorded", rows["recorded_at"], rows["recorded_at_text"]),
        "manufacturer_reference": reference_text(rows, "manufacturer"),
        "expires_precision": precision(rows["expires_text"]),
        "performer_id": _performer(rows, rows["main_id"], rows["first_id"]),
        "performer_reference": _performer(rows, reference_text(rows, "main"), reference_text(rows, "first")),
        "performer_npi": _performer(rows, npi(rows, "main"), npi(rows, "first")),
        "location_reference": reference_text(rows, "location"),
        "dose_unit": F.coalesce(rows["dose_code"], rows["dose_unit"]),
        "route_code": first_code(rows["route_codes"]),
        "_expires_latest": latest(expires, rows["expires_text"]),
    }
    shaped = rows.withColumns(columns).withColumn("_performer_npi_ok", npi_check_digit_ok(F.col("performer_npi")))
    return finish(
        with_birth(shaped, patients),
        IMMUNIZATION,
        "_birth_on",
        "_occurred_earliest",
        "_occurred_latest",
        "_recorded_latest",
        "_expires_latest",
        "_performer_npi_ok",
    )
