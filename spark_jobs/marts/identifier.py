"""gold.identifier from the tables of silver whose records carry identifiers."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from catalog.tables.gold import IDENTIFIER
from catalog.tables.silver import ENCOUNTER, LOCATION, ORGANIZATION, PATIENT, PRACTITIONER
from spark_jobs.mart import Source, builds
from spark_jobs.marts.parts import finish


def carried(rows: DataFrame, resource_type: str) -> DataFrame:
    """Each identifier with a system that a record carries: resource_type, record_id, system, value."""
    one = F.explode("identifiers").alias("one")
    exploded = rows.select(F.lit(resource_type).alias("resource_type"), rows[rows.columns[0]].alias("record_id"), one)
    named = exploded.select("resource_type", "record_id", "one.system", "one.value")
    return named.where("system is not null and value is not null").distinct()


@builds(
    writes=IDENTIFIER,
    reads=(
        Source("patients", PATIENT, ("patient_id", "identifiers")),
        Source("practitioners", PRACTITIONER, ("practitioner_id", "identifiers")),
        Source("organizations", ORGANIZATION, ("organization_id", "identifiers")),
        Source("locations", LOCATION, ("location_id", "identifiers")),
        Source("encounters", ENCOUNTER, ("encounter_id", "identifiers")),
    ),
)
def identifier(
    patients: DataFrame,
    practitioners: DataFrame,
    organizations: DataFrame,
    locations: DataFrame,
    encounters: DataFrame,
) -> DataFrame:
    """One row a type, system and value."""
    every = (
        carried(patients, "Patient")
        .union(carried(practitioners, "Practitioner"))
        .union(carried(organizations, "Organization"))
        .union(carried(locations, "Location"))
        .union(carried(encounters, "Encounter"))
    )
    counted = every.groupBy("resource_type", "system", "value").agg(
        F.count(F.lit(1)).alias("records"), F.min("record_id").alias("record_id")
    )
    return finish(counted.withColumn("record_id", F.when(F.col("records") == 1, F.col("record_id"))), IDENTIFIER)
