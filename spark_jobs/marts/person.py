"""gold.person from silver.patient."""

from collections.abc import Iterable

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from catalog.tables.gold import PERSON
from catalog.tables.silver import PATIENT
from spark_jobs.mart import Source, builds
from spark_jobs.marts.identifier import carried
from spark_jobs.marts.parts import finish

MOST_RECORDS = 10
"""An identifier that more records carry is taken for a placeholder and links nobody."""


@builds(
    writes=PERSON,
    reads=(
        Source(
            "patients",
            PATIENT,
            ("patient_id", "identifiers", "birth_on", "replaced_by_patient_id", "linked_patient_ids"),
        ),
    ),
)
def person(patients: DataFrame) -> DataFrame:
    """One row a patient record."""
    records = patients.select("patient_id", "birth_on", "replaced_by_patient_id")
    shared = _shared(patients, records)
    told = patients.select("patient_id", F.explode("linked_patient_ids").alias("other"))
    linked = told.join(records.select(F.col("patient_id").alias("other")), "other", "left_semi")
    links = shared.where("is_trusted").select("patient_id", F.explode("carriers").alias("other")).unionByName(linked)
    groups = links.groupBy(F.lit(0)).applyInPandas(_components, "patient_id string, root string")
    doubted = shared.where("not is_trusted").select("patient_id", F.lit(True).alias("is_doubted")).distinct()
    rows = (
        records.join(groups, "patient_id", "left")
        .join(doubted, "patient_id", "left")
        .withColumn("root", F.coalesce("root", "patient_id"))
    )
    stands = F.min(F.when(F.col("replaced_by_patient_id").isNull(), F.col("patient_id")))
    persons = rows.groupBy("root").agg(
        F.coalesce(stands, F.min("patient_id")).alias("person_id"),
        F.count(F.lit(1)).alias("records"),
        (F.count_distinct("birth_on") > 1).alias("differ"),
    )
    made = rows.join(persons, "root").select(
        "patient_id",
        "person_id",
        "records",
        (F.col("records") > 1).alias("is_linked"),
        (F.coalesce("is_doubted", F.lit(False)) | F.col("differ")).alias("is_contradicted"),
    )
    return finish(made, PERSON)


def _shared(patients: DataFrame, records: DataFrame) -> DataFrame:
    """Each identifier that several records carry, once a record: patient_id, carriers, is_trusted."""
    each = carried(patients, "Patient").withColumnRenamed("record_id", "patient_id")
    born = each.join(records.select("patient_id", "birth_on"), "patient_id")
    several = (
        born.groupBy("system", "value")
        .agg(
            F.count(F.lit(1)).alias("carried"),
            F.slice(F.sort_array(F.collect_list("patient_id")), 1, MOST_RECORDS).alias("carriers"),
            (F.count_distinct("birth_on") <= 1).alias("is_of_one_birth"),
        )
        .where("carried > 1")
        .withColumn("is_trusted", F.col("is_of_one_birth") & (F.col("carried") <= MOST_RECORDS))
    )
    return each.join(several, ["system", "value"]).select("patient_id", "carriers", "is_trusted")


def _components(links: pd.DataFrame) -> pd.DataFrame:
    """The connected records: patient_id and the root that all records of one component share. Columns of `links`:
    patient_id and other."""
    roots: dict[str, str] = {}
    for one, other in _pairs(links):
        first, second = sorted((_root(roots, one), _root(roots, other)))
        roots[second] = first
    found = [(patient_id, _root(roots, patient_id)) for patient_id in list(roots)]
    return pd.DataFrame(found, columns=["patient_id", "root"])


def _pairs(links: pd.DataFrame) -> Iterable[tuple[str, str]]:
    return zip(links["patient_id"], links["other"], strict=True)


def _root(roots: dict[str, str], record: str) -> str:
    """The root of a record, which becomes its own when first met; the path to it is made shorter on the way."""
    above = roots.setdefault(record, record)
    while above != roots[above]:
        roots[record] = roots[above]
        record, above = above, roots[above]
    return above
