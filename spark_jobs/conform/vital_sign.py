"""silver.vital_sign from FHIR Observation."""

from pyspark.sql import DataFrame

from catalog.tables.silver import PATIENT, VITAL_SIGN
from spark_jobs.conform.measurements import VITAL_SIGNS
from spark_jobs.conform.measuring import HELPERS, with_measured
from spark_jobs.conform.parts import finish, reference_text, with_birth
from spark_jobs.job import Lookup, conforms


@conforms(view="vital_sign", writes=VITAL_SIGN, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def vital_sign(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row a measured value: an observation's own, and one a component."""
    measured = with_measured(rows, VITAL_SIGNS).withColumn("device_reference", reference_text(rows, "device"))
    return finish(with_birth(measured, patients), VITAL_SIGN, *HELPERS)
