"""silver.location from FHIR Location, contained ones included."""

from pyspark.sql import DataFrame

from catalog.tables.silver import LOCATION
from lakehouse.terminology import first_code, npi_check_digit_ok
from spark_jobs.conform.naming import identifiers
from spark_jobs.conform.parts import finish, reference_text
from spark_jobs.job import conforms


@conforms(view="location", writes=LOCATION)
def location(rows: DataFrame) -> DataFrame:
    """One row a place."""
    columns = {
        "identifiers": identifiers(rows, "location_id"),
        "type_code": first_code(rows["type_codes"]),
        "physical_type_code": first_code(rows["physical_type_codes"]),
        "organization_reference": reference_text(rows, "organization"),
        "part_of_location_reference": reference_text(rows, "part_of_location"),
        "_npi_ok": npi_check_digit_ok(rows["npi"]),
    }
    return finish(rows.withColumns(columns), LOCATION, "_npi_ok")
