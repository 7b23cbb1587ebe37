"""silver.procedure from FHIR Procedure."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import PATIENT, PROCEDURE
from lakehouse.terminology import CPT, HCPCS, ICD9PCS, ICD10PCS, SNOMED, npi_check_digit_ok, preferred
from spark_jobs.conform.parts import earliest, finish, latest, npi, precision, reference_text, with_birth, years
from spark_jobs.job import Lookup, conforms

_DONE = ("completed", "in-progress", "stopped", "on-hold")


@conforms(view="procedure", writes=PROCEDURE, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def procedure(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row a procedure."""
    started = F.coalesce(rows["performed_date_time"], rows["performed_start"])
    written = F.coalesce(rows["performed_date_time_text"], rows["performed_start_text"])
    age = years(rows["performed_age"], rows["performed_age_code"], rows["performed_age_unit"])
    range_age = years(rows["performed_low"], rows["performed_range_code"], rows["performed_range_unit"])
    columns = {
        "patient_reference": reference_text(rows, "patient"),
        "encounter_reference": reference_text(rows, "encounter"),
        "is_done": F.coalesce(rows["status"].isin(*_DONE), F.lit(False)),
        "snomed_code": preferred(rows["codes"], SNOMED),
        "cpt_code": preferred(rows["codes"], CPT),
        "hcpcs_code": preferred(rows["codes"], HCPCS),
        "icd10pcs_code": preferred(rows["codes"], ICD10PCS),
        "icd9pcs_code": preferred(rows["codes"], ICD9PCS),
        "started_at": started,
        "started_precision": precision(written),
        "ended_at": rows["performed_end"],
        "ended_precision": precision(rows["performed_end_text"]),
        "performed_age_years": F.coalesce(age, range_age),
        "performer_reference": reference_text(rows, "performer"),
        "performer_npi": npi(rows, "performer"),
        "location_reference": reference_text(rows, "location"),
        "_started_earliest": earliest(started, written),
        "_started_latest": latest(started, written),
        "_ended_latest": latest(rows["performed_end"], rows["performed_end_text"]),
    }
    shaped = rows.withColumns(columns).withColumn("_performer_npi_ok", npi_check_digit_ok(F.col("performer_npi")))
    return finish(
        with_birth(shaped, patients),
        PROCEDURE,
        "_birth_on",
        "_started_earliest",
        "_started_latest",
        "_ended_latest",
        "_performer_npi_ok",
    )
