"""silver.medication from FHIR Medication, contained ones included."""

from pyspark.sql import DataFrame

from catalog.tables.silver import MEDICATION
from lakehouse.terminology import NDC, RXNORM, preferred
from spark_jobs.conform.parts import finish
from spark_jobs.job import conforms


@conforms(view="medication", writes=MEDICATION)
def medication(rows: DataFrame) -> DataFrame:
    """One row a medicine."""
    columns = {
        "rxnorm_code": preferred(rows["codes"], RXNORM),
        "ndc_code": preferred(rows["codes"], NDC),
    }
    return finish(rows.withColumns(columns), MEDICATION)
