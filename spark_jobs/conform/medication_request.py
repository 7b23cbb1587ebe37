"""silver.medication_request from FHIR MedicationRequest."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import MEDICATION, MEDICATION_REQUEST, PATIENT
from lakehouse.terminology import first_code, npi_check_digit_ok
from spark_jobs.conform.medicine import MEDICINE, with_medicine
from spark_jobs.conform.parts import earliest, finish, latest, minutes, npi, precision, reference_text, with_birth
from spark_jobs.job import Lookup, conforms

_MINUTES_A_DAY = 1440.0


def _daily(rows: DataFrame) -> Column:
    """Frequency a day from FHIR timing: `frequency` times in `period` `periodUnit`s."""
    span = minutes(rows["period"], rows["period_unit"], rows["period_unit"])
    return F.when(span > 0, rows["frequency"] * F.lit(_MINUTES_A_DAY) / span)


def _dosage(rows: DataFrame) -> dict[str, Column]:
    in_range = F.coalesce(rows["dose_range_code"], rows["dose_range_unit"])
    supply = minutes(rows["supply_value"], rows["supply_code"], rows["supply_unit"]) / F.lit(_MINUTES_A_DAY)
    return {
        "dose": F.coalesce(rows["dose"], rows["dose_low"]),
        "dose_unit": F.coalesce(rows["dose_code"], rows["dose_unit"], in_range),
        "rate_unit": F.coalesce(rows["rate_code"], rows["rate_unit"]),
        "route_code": first_code(rows["route_codes"]),
        "is_as_needed": F.coalesce(rows["is_as_needed"], F.when(F.size(rows["as_needed_codes"]) > 0, F.lit(True))),
        "timing_code": F.coalesce(rows["timing_code"], rows["timing_text"]),
        "daily_frequency": _daily(rows),
        "dispense_unit": F.coalesce(rows["dispense_quantity_code"], rows["dispense_quantity_unit"]),
        "supply_days": supply,
    }


@conforms(
    view="medication_request",
    writes=MEDICATION_REQUEST,
    lookups=(
        Lookup("patients", PATIENT, ("birth_on",)),
        Lookup("medications", MEDICATION, MEDICINE),
    ),
)
def medication_request(rows: DataFrame, patients: DataFrame, medications: DataFrame) -> DataFrame:
    """One row a request; what a referenced medicine is comes from silver.medication, null until it is there."""
    columns = {
        "patient_reference": reference_text(rows, "patient"),
        "encounter_reference": reference_text(rows, "encounter"),
        "is_not_to_be_given": F.coalesce(rows["is_not_to_be_given"], F.lit(False)),
        "medication_reference": reference_text(rows, "medication"),
        "authored_precision": precision(rows["authored_at_text"]),
        "requester_reference": reference_text(rows, "requester"),
        "requester_npi": npi(rows, "requester"),
        **_dosage(rows),
        "_authored_latest": latest(rows["authored_at"], rows["authored_at_text"]),
        "_valid_from_earliest": earliest(rows["valid_from"], rows["valid_from_text"]),
        "_valid_to_latest": latest(rows["valid_to"], rows["valid_to_text"]),
    }
    shaped = rows.withColumns(columns).withColumn("_requester_npi_ok", npi_check_digit_ok(F.col("requester_npi")))
    return finish(
        with_medicine(with_birth(shaped, patients), medications),
        MEDICATION_REQUEST,
        "_birth_on",
        "_authored_latest",
        "_valid_from_earliest",
        "_valid_to_latest",
        "_requester_npi_ok",
    )
