"""The Charlson comorbidity index by ICD-10 codes."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_jobs.marts.parts import begins_with

GRAVER = {
    "diabetes_without_complication": "diabetes_with_complication",
    "mild_liver_disease": "moderate_or_severe_liver_disease",
    "malignancy": "metastatic_solid_tumor",
}
"""Where both are there, only the graver one counts."""


@dataclass(frozen=True)
class Comorbidity:
    """A disease of the index: its weight, and the codes (without dots) that begin with one of `prefixes`."""

    category: str
    weight: int
    prefixes: tuple[str, ...]


@cache
def comorbidities() -> tuple[Comorbidity, ...]:
    """The table charlson.csv: weights of Charlson 1987, ICD-10 codes of Quan 2005 (a code belongs to one disease)."""
    text = files("spark_jobs.marts").joinpath("charlson.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(Comorbidity(r["category"], int(r["weight"]), tuple(r["prefixes"].split())) for r in rows)


def category(icd10_code: Column) -> Column:
    """The disease of the index that a code stands for; null for all others."""
    found = F.when(F.lit(False), F.lit(None).cast("string"))
    for each in comorbidities():
        found = found.when(begins_with(icd10_code, each.prefixes), each.category)
    return found


def counted(categories: Column) -> Column:
    """The diseases that count, in order, out of an array of those that were found."""
    graver = F.create_map(*(F.lit(text) for pair in GRAVER.items() for text in pair))
    return F.filter(
        F.array_sort(F.array_distinct(categories)),
        lambda name: ~F.coalesce(F.array_contains(categories, graver[name]), F.lit(False)),
    )


def index(categories: Column) -> Column:
    """The sum of the weights of diseases that count."""
    weights = F.create_map(*(F.lit(value) for each in comorbidities() for value in (each.category, each.weight)))
    return F.aggregate(categories, F.lit(0), lambda total, name: total + weights[name])
