"""Which admissions are planned, and which are no index admissions by their diagnosis: a table of code prefixes."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from pyspark.sql import Column
from pyspark.sql import functions as F

from lakehouse.errors import InputError
from spark_jobs.marts.parts import begins_with, is_icd10

KINDS = (
    "always_planned_procedure",
    "always_planned_diagnosis",
    "potentially_planned_procedure",
    "acute_diagnosis",
    "cancer_treatment",
    "rehabilitation",
    "psychiatric",
)
_HEADER = ["kind", "code_system", "prefix", "meaning"]
_SYSTEMS = ("ICD-10-PCS", "ICD-10-CM", "ICD-10")


@dataclass(frozen=True)
class PlannedCodes:
    """Code prefixes without dots by kind, as (kind, prefix) in order; procedures are ICD-10-PCS, diagnoses ICD-10."""

    rows: tuple[tuple[str, str], ...]

    def prefixes(self, kind: str) -> list[str]:
        """The prefixes of one kind."""
        return [prefix for each, prefix in self.rows if each == kind]

    def procedure(self, kind: str, code: Column) -> Column:
        """Whether an ICD-10-PCS code is of that kind; false for no code."""
        return begins_with(code, self.prefixes(kind))

    def diagnosis(self, kind: str, system: Column, code: Column) -> Column:
        """Whether a code of any edition of ICD-10 is of that kind; false for no code and other systems."""
        return F.coalesce(is_icd10(system), F.lit(False)) & begins_with(code, self.prefixes(kind))


def planned_codes(path: Path | None) -> PlannedCodes:
    """The table in a CSV file (kind, code_system, prefix, meaning), or the short one that ships.

    Raises InputError that names the file and line where it is no such table.
    """
    if path is None:
        text = files("spark_jobs.marts").joinpath("planned.csv").read_text(encoding="utf-8")
        return _parsed(text.splitlines(), "planned.csv")
    try:
        return _parsed(path.read_text(encoding="utf-8").splitlines(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} can't be read as text in UTF-8; set LAKE_PLANNED_CODES to a CSV file.") from error


def _parsed(lines: Iterable[str], name: str) -> PlannedCodes:
    reader = csv.DictReader(lines)
    if reader.fieldnames != _HEADER:
        raise InputError(f"{name} must begin with the line {','.join(_HEADER)}.")
    rows = []
    for row in reader:
        where = f"{name}, line {reader.line_num}"
        prefix = (row["prefix"] or "").replace(".", "").upper()
        if row["kind"] not in KINDS:
            raise InputError(f"{where}: the kind must be one of {', '.join(KINDS)}.")
        if row["code_system"] not in _SYSTEMS or (row["code_system"] == "ICD-10-PCS") != ("procedure" in row["kind"]):
            raise InputError(f"{where}: procedures are given in ICD-10-PCS, diagnoses in ICD-10-CM or ICD-10.")
        if not prefix.isalnum():
            raise InputError(f"{where}: a prefix has letters and digits.")
        rows.append((row["kind"], prefix))
    return PlannedCodes(tuple(sorted(set(rows))))
