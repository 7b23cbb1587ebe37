"""silver.practitioner from FHIR Practitioner, contained ones included."""

from pyspark.sql import DataFrame

from catalog.tables.silver import PRACTITIONER
from lakehouse.terminology import first_code, npi_check_digit_ok
from spark_jobs.conform.naming import identifiers, name_part
from spark_jobs.conform.parts import finish
from spark_jobs.job import conforms


@conforms(view="practitioner", writes=PRACTITIONER)
def practitioner(rows: DataFrame) -> DataFrame:
    """One row a practitioner."""
    columns = {
        "identifiers": identifiers(rows, "practitioner_id"),
        "family_name": name_part(rows, "family"),
        "given_names": name_part(rows, "given"),
        "name_text": name_part(rows, "text"),
        "qualification_code": first_code(rows["qualification_codes"]),
        "_npi_ok": npi_check_digit_ok(rows["npi"]),
    }
    return finish(rows.withColumns(columns), PRACTITIONER, "_npi_ok")
