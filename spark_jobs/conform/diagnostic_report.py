"""silver.diagnostic_report from FHIR DiagnosticReport."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import DIAGNOSTIC_REPORT, PATIENT
from lakehouse.terminology import LOINC, first_code, loinc_check_digit_ok, npi_check_digit_ok, preferred
from spark_jobs.conform.parts import dated, finish, latest, npi, other_references, reference_text, with_birth
from spark_jobs.job import Lookup, conforms

_WITHDRAWN = ("cancelled", "entered-in-error")


@conforms(view="diagnostic_report", writes=DIAGNOSTIC_REPORT, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def diagnostic_report(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row a report."""
    effective = F.coalesce(rows["effective_date_time"], rows["effective_start"])
    written = F.coalesce(rows["effective_date_time_text"], rows["effective_start_text"])
    columns = {
        "patient_reference": reference_text(rows, "patient"),
        "encounter_reference": reference_text(rows, "encounter"),
        "is_withdrawn": F.coalesce(rows["status"].isin(*_WITHDRAWN), F.lit(False)),
        "category_code": first_code(rows["category_codes"]),
        "loinc_code": preferred(rows["codes"], LOINC),
        **dated("effective", effective, written),
        **dated("effective_ended", rows["effective_end"], rows["effective_end_text"]),
        "performer_reference": reference_text(rows, "performer"),
        "performer_npi": npi(rows, "performer"),
        "interpreter_reference": reference_text(rows, "interpreter"),
        "interpreter_npi": npi(rows, "interpreter"),
        "result_references": other_references(rows, "result", ("Observation",)),
        "_issued_latest": latest(rows["issued_at"], rows["issued_at_text"]),
    }
    checked = {
        "_performer_npi_ok": npi_check_digit_ok(F.col("performer_npi")),
        "_loinc_ok": loinc_check_digit_ok(F.col("loinc_code")),
    }
    return finish(
        with_birth(rows.withColumns(columns).withColumns(checked), patients),
        DIAGNOSTIC_REPORT,
        "_birth_on",
        "_effective_earliest",
        "_effective_latest",
        "_effective_ended_latest",
        "_issued_latest",
        "_performer_npi_ok",
        "_loinc_ok",
    )
