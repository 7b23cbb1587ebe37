"""silver.medication_administration from FHIR MedicationAdministration."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import MEDICATION, MEDICATION_ADMINISTRATION, PATIENT
from lakehouse.terminology import first_code, npi_check_digit_ok
from spark_jobs.conform.medicine import MEDICINE, with_medicine
from spark_jobs.conform.parts import dated, finish, npi, reference_text, with_birth
from spark_jobs.job import Lookup, conforms

_DONE = ("completed", "in-progress", "stopped", "on-hold")


def _unit(rows: DataFrame, quantity: str) -> Column:
    return F.coalesce(rows[f"{quantity}_code"], rows[f"{quantity}_unit"])


def _dosage(rows: DataFrame) -> dict[str, Column]:
    """Dose and rate; a rate given as a ratio (100 mL in 4 h) is worked out for one of its lower unit (25 mL/h)."""
    ratio = F.when(rows["denominator"] > 0, rows["numerator"] / rows["denominator"])
    ratio_unit = F.concat(_unit(rows, "numerator"), F.lit("/"), _unit(rows, "denominator"))
    return {
        "dose_unit": _unit(rows, "dose"),
        "rate": F.coalesce(rows["rate"], ratio),
        "rate_unit": F.when(rows["rate"].isNotNull(), _unit(rows, "rate")).when(ratio.isNotNull(), ratio_unit),
        "route_code": first_code(rows["route_codes"]),
    }


@conforms(
    view="medication_administration",
    writes=MEDICATION_ADMINISTRATION,
    lookups=(Lookup("patients", PATIENT, ("birth_on",)), Lookup("medications", MEDICATION, MEDICINE)),
)
def medication_administration(rows: DataFrame, patients: DataFrame, medications: DataFrame) -> DataFrame:
    """One row an administration; what a referenced medicine is comes from silver.medication, null until it is there."""
    started = F.coalesce(rows["effective_date_time"], rows["effective_start"])
    written = F.coalesce(rows["effective_date_time_text"], rows["effective_start_text"])
    columns = {
        "patient_reference": reference_text(rows, "patient"),
        "encounter_reference": reference_text(rows, "encounter"),
        "medication_request_reference": reference_text(rows, "medication_request"),
        "status_reason_code": first_code(rows["status_reason_codes"]),
        "is_done": F.coalesce(rows["status"].isin(*_DONE), F.lit(False)),
        "medication_reference": reference_text(rows, "medication"),
        **dated("started", started, written),
        **dated("ended", rows["effective_end"], rows["effective_end_text"]),
        "performer_reference": reference_text(rows, "performer"),
        "performer_npi": npi(rows, "performer"),
        **_dosage(rows),
    }
    shaped = rows.withColumns(columns).withColumn("_performer_npi_ok", npi_check_digit_ok(F.col("performer_npi")))
    return finish(
        with_medicine(with_birth(shaped, patients), medications),
        MEDICATION_ADMINISTRATION,
        "_birth_on",
        "_started_earliest",
        "_started_latest",
        "_ended_latest",
        "_performer_npi_ok",
    )
