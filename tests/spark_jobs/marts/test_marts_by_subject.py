"""The law behind incremental runs: a subject's rows alone make what they make among the rows of all."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F

from catalog.model import Column
from catalog.types import Boolean, Codings, Date, Double, Integer, Text, Timestamp, array
from lakehouse.terminology import ICD10CM
from spark_jobs.jobs import MARTS
from spark_jobs.mart import Mart
from spark_jobs.mart_plan import narrowed_to
from tests.spark_jobs.marts.making import AS_OF, NEW_YORK, Row, frames

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PATIENTS = ("a", "b", "c", None)
CODES = ("I21.9", "E11.9", "E11.22", "C50.911", "J30.9")
WORDS = {
    "class_code": ("IMP", "EMER", "AMB"),
    "clinical_status": ("active", "resolved", None),
    "intent": ("order", "plan"),
    "status": ("finished", "planned", "active"),
    "measurement": ("systolic_blood_pressure", "body_weight", None),
    "loinc_code": ("8480-6", "29463-7", None),
    "value_unit": ("kg", "mg", None),
    "value_comparator": ("<", None, None),
    "icd10cm_code": (*CODES, None),
    "organization_id": ("new-york", "elsewhere", None),
    "discharge_disposition_code": ("home", "exp", None),
    "code_text": ("one", "two"),
}


def invented(chance: random.Random, column: Column) -> Any:
    """A value of the column's type; ids are few, so that rows meet, also those of different people."""
    match column.type:
        case _ if column.name == "patient_id":
            return chance.choice(PATIENTS)
        case _ if column.name == "diagnoses":
            ranked = {"condition_id": f"c{chance.randrange(4)}", "use_code": chance.choice(("DD", "CM")), "rank": 1}
            return [{**ranked, "condition_reference": None, "use_codes": []}] * chance.randrange(2)
        case _ if column.name == "locations":
            times = {
                "started_at": datetime(2025, 3, 9, chance.randrange(24), tzinfo=UTC),
                "started_precision": "second",
            }
            place = {"location_id": f"l{chance.randrange(3)}", "location_reference": None, "status": "completed"}
            return [{**place, **times, "ended_at": None, "ended_precision": None}] * chance.randrange(2)
        case _ if column.name in WORDS:
            return chance.choice(WORDS[column.name])
        case _ if column.name.endswith("_precision"):
            return chance.choice(("second", "second", "day", "month"))
        case _ if column.type == Text:
            return f"{column.name[0]}{chance.randrange(4)}"
        case _ if column.type == Boolean:
            return chance.random() < 0.7
        case _ if column.type == Integer:
            return chance.randrange(3)
        case _ if column.type == Double:
            return float(chance.randrange(60, 180))
        case _ if column.type == Date:
            return date(2025, 1, 1) + timedelta(days=chance.randrange(500))
        case _ if column.type == Timestamp:
            return datetime(2025, 3, 9, tzinfo=UTC) + timedelta(hours=chance.randrange(60))
        case _ if column.type == Codings:
            return [{"system": ICD10CM[0], "code": chance.choice(CODES), "display": None}] * chance.randrange(2)
        case _ if column.type == array(Text):
            return [f"c{chance.randrange(4)}"] * chance.randrange(2)
    raise AssertionError(f"nothing is invented for {column.name}")


def rows_of(chance: random.Random, mart: Mart) -> dict[str, list[Row]]:
    """Live rows of every source, one a key."""
    found: dict[str, list[Row]] = {}
    for source in mart.reads:
        rows = [{name: invented(chance, source.table.column(name)) for name in source.columns} for _ in range(30)]
        key = [k for k in source.table.key if k in source.columns]
        found[source.argument] = list({tuple(row[k] for k in key) or at: row for at, row in enumerate(rows)}.values())
    return found


def made_of(mart: Mart, sources: "dict[str, DataFrame]") -> list[str]:
    given = {"as_of": AS_OF, "time_zones": NEW_YORK}
    rows = mart(**sources, **{name: given[name] for name in mart.uses})
    wanted = rows.where(F.col("patient_id").isNull() | (F.col("patient_id") != "b"))
    return sorted(str(row) for row in wanted.collect())


@pytest.mark.slow
@pytest.mark.parametrize("mart", [mart for mart in MARTS if mart.by], ids=lambda mart: mart.name)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_subjects_rows_are_made_of_the_subjects_rows_alone(spark: "SparkSession", mart: Mart, seed: int) -> None:
    sources = frames(spark, mart, rows_of(random.Random(seed), mart))
    chosen = spark.createDataFrame([("a",), ("c",), (None,)], "patient_id string")
    narrowed = {name: narrowed_to(rows, chosen, str(mart.by)) for name, rows in sources.items()}
    alone, among_all = made_of(mart, narrowed), made_of(mart, sources)
    assert alone == among_all
    assert alone
