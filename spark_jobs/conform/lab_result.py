"""silver.lab_result from FHIR Observation."""

from pyspark.sql import DataFrame

from catalog.tables.silver import LAB_RESULT, PATIENT
from spark_jobs.conform.measurements import MEASUREMENTS
from spark_jobs.conform.measuring import HELPERS, with_measured
from spark_jobs.conform.parts import finish, reference_text, with_birth
from spark_jobs.job import Lookup, conforms


@conforms(view="lab_result", writes=LAB_RESULT, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def lab_result(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row a measured value: an observation's own, and one a component.

    Saturations and oxygen settings are measured in the laboratory too, hence all measurements.
    """
    measured = with_measured(rows, MEASUREMENTS).withColumn("specimen_reference", reference_text(rows, "specimen"))
    return finish(with_birth(measured, patients), LAB_RESULT, *HELPERS)
