"""silver.observation from FHIR Observation: all that is neither a laboratory result nor a vital sign."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import OBSERVATION, PATIENT
from lakehouse.terminology import first_code, npi_check_digit_ok
from spark_jobs.conform.measurements import MEASUREMENTS
from spark_jobs.conform.measuring import HELPERS, with_measured
from spark_jobs.conform.parts import finish, npi, reference_text, with_birth
from spark_jobs.job import Lookup, conforms


@conforms(view="observation", writes=OBSERVATION, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def observation(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row a value: an observation's own, and one a component.

    A known measurement in a survey or an exam is in its declared unit here too, hence all measurements.
    """
    columns = {
        "category_code": first_code(rows["category_codes"]),
        "performer_reference": reference_text(rows, "performer"),
        "performer_npi": npi(rows, "performer"),
        "device_reference": reference_text(rows, "device"),
        "specimen_reference": reference_text(rows, "specimen"),
    }
    measured = with_measured(rows.withColumns(columns), MEASUREMENTS)
    shaped = measured.withColumn("_performer_npi_ok", npi_check_digit_ok(F.col("performer_npi")))
    return finish(with_birth(shaped, patients), OBSERVATION, *HELPERS, "_performer_npi_ok")
