"""silver.organization from FHIR Organization, contained ones included."""

from pyspark.sql import DataFrame

from catalog.tables.silver import ORGANIZATION
from lakehouse.terminology import first_code, npi_check_digit_ok
from spark_jobs.conform.naming import identifiers
from spark_jobs.conform.parts import finish, reference_text
from spark_jobs.job import conforms


@conforms(view="organization", writes=ORGANIZATION)
def organization(rows: DataFrame) -> DataFrame:
    """One row an organization."""
    columns = {
        "identifiers": identifiers(rows, "organization_id"),
        "type_code": first_code(rows["type_codes"]),
        "part_of_organization_reference": reference_text(rows, "part_of_organization"),
        "_npi_ok": npi_check_digit_ok(rows["npi"]),
    }
    return finish(rows.withColumns(columns), ORGANIZATION, "_npi_ok")
