"""silver.coverage from FHIR Coverage, contained ones included."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import COVERAGE
from lakehouse.terminology import first_code
from spark_jobs.conform.naming import identifiers
from spark_jobs.conform.parts import earliest, finish, latest, precision, reference_text
from spark_jobs.job import conforms


@conforms(view="coverage", writes=COVERAGE)
def coverage(rows: DataFrame) -> DataFrame:
    """One row a coverage; a payer that does not say its type is taken for an organization."""
    found = rows.withColumn("payor_id", F.get(rows["payor_ids"], F.lit(0)))
    columns = {
        "identifiers": identifiers(found, "coverage_id"),
        "patient_reference": reference_text(found, "patient"),
        "type_code": first_code(found["type_codes"]),
        "subscriber_reference": reference_text(found, "subscriber", "subscriber_patient_id"),
        "relationship_code": first_code(found["relationship_codes"]),
        "started_precision": precision(found["started_at_text"]),
        "ended_precision": precision(found["ended_at_text"]),
        "payor_reference": reference_text(found, "payor"),
        "_started_earliest": earliest(found["started_at"], found["started_at_text"]),
        "_ended_latest": latest(found["ended_at"], found["ended_at_text"]),
    }
    return finish(found.withColumns(columns), COVERAGE, "_started_earliest", "_ended_latest")
