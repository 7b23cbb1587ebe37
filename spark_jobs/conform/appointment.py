"""silver.appointment from FHIR Appointment."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import APPOINTMENT, PATIENT
from lakehouse.terminology import first_code, npi_check_digit_ok
from spark_jobs.conform.naming import first_written
from spark_jobs.conform.parts import earliest, finish, latest, npi, precision, reference_text, with_birth
from spark_jobs.job import Lookup, conforms


def _with_participants(rows: DataFrame) -> DataFrame:
    """Adds `<kind>_id` and `<kind>_ref` of the first patient, practitioner and place among the participants."""
    written = rows["participant_references"]
    return rows.withColumns(
        {
            "patient_id": F.get(rows["patient_ids"], F.lit(0)),
            "patient_ref": first_written(written, "Patient"),
            "practitioner_id": F.coalesce(rows["main_practitioner_id"], F.get(rows["practitioner_ids"], F.lit(0))),
            "practitioner_ref": first_written(written, "Practitioner(Role)?"),
            "location_id": F.get(rows["location_ids"], F.lit(0)),
            "location_ref": first_written(written, "Location"),
        }
    )


@conforms(view="appointment", writes=APPOINTMENT, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def appointment(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row an appointment."""
    found = _with_participants(rows)
    columns = {
        "patient_reference": reference_text(found, "patient"),
        "patient_count": F.size(F.array_distinct(found["patient_ids"])),
        "is_no_show": F.coalesce(found["status"] == "noshow", F.lit(False)),
        "cancellation_reason_code": first_code(found["cancellation_reason_codes"]),
        "service_type_code": first_code(found["service_type_codes"]),
        "specialty_code": first_code(found["specialty_codes"]),
        "appointment_type_code": first_code(found["appointment_type_codes"]),
        "started_precision": precision(found["started_at_text"]),
        "ended_precision": precision(found["ended_at_text"]),
        "created_precision": precision(found["created_at_text"]),
        "practitioner_reference": reference_text(found, "practitioner"),
        "practitioner_npi": npi(found, "practitioner"),
        "location_reference": reference_text(found, "location"),
        "_started_earliest": earliest(found["started_at"], found["started_at_text"]),
        "_started_latest": latest(found["started_at"], found["started_at_text"]),
        "_ended_latest": latest(found["ended_at"], found["ended_at_text"]),
        "_created_earliest": earliest(found["created_at"], found["created_at_text"]),
    }
    shaped = found.withColumns(columns).withColumn(
        "_practitioner_npi_ok", npi_check_digit_ok(F.col("practitioner_npi"))
    )
    return finish(
        with_birth(shaped, patients),
        APPOINTMENT,
        "_birth_on",
        "_started_earliest",
        "_started_latest",
        "_ended_latest",
        "_created_earliest",
        "_practitioner_npi_ok",
    )
