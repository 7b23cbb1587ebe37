"""silver.care_plan from FHIR CarePlan."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import CARE_PLAN, PATIENT
from lakehouse.terminology import npi_check_digit_ok
from spark_jobs.conform.parts import dated, finish, npi, other_references, reference_text, with_birth
from spark_jobs.job import Lookup, conforms

_WITHDRAWN = ("revoked", "entered-in-error")


def _words(rows: DataFrame, name: str) -> Column:
    return F.array_distinct(F.concat(rows[f"{name}_code_texts"], rows[f"{name}_descriptions"]))


@conforms(view="care_plan", writes=CARE_PLAN, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def care_plan(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row a care plan."""
    columns = {
        "patient_reference": reference_text(rows, "patient"),
        "encounter_reference": reference_text(rows, "encounter"),
        "is_withdrawn": F.coalesce(rows["status"].isin(*_WITHDRAWN), F.lit(False)),
        **dated("started", rows["started_at"], rows["started_at_text"]),
        **dated("ended", rows["ended_at"], rows["ended_at_text"]),
        **dated("created", rows["created_at"], rows["created_at_text"]),
        "author_reference": reference_text(rows, "author"),
        "author_npi": npi(rows, "author"),
        "addressed_references": other_references(rows, "addressed", ("Condition",)),
        "activity_texts": _words(rows, "activity"),
        "avoided_activity_texts": _words(rows, "avoided_activity"),
    }
    shaped = rows.withColumns(columns).withColumn("_author_npi_ok", npi_check_digit_ok(F.col("author_npi")))
    return finish(
        with_birth(shaped, patients),
        CARE_PLAN,
        "_birth_on",
        "_started_earliest",
        "_started_latest",
        "_ended_latest",
        "_created_latest",
        "_author_npi_ok",
    )
