"""Rows of `bronze.csv_row` to FHIR resources by a mapping: DataFrames in, DataFrames out, without reads or actions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from catalog.mapping import CsvColumn, CsvMapping, FileKind, Template, ValueTable
from catalog.mapping_checks import fields_of
from catalog.tables.bronze import FHIR_RESOURCE
from spark_jobs.ingest.extract.template import Lookup, Value, is_made, json_of, text_of

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

TRANSLATED = "translated"
NO_VALUE = "no_value"
VALUE_TABLE = "value_table"
HELD = "quarantined"
STAGE_RESOURCES = FHIR_RESOURCE.name
"""Stage of rows that could not be translated, in quarantine."""

Entries = Mapping[str, Mapping[str, str]]
_PLACE = ("source_file", "line", "byte_offset", "payload_sha256", "batch_id")
_NEEDS_ESCAPE = re.compile(r'["\\\x00-\x1f\x7f]')
_NUMBER = r"^-?(0|[1-9]\d*)(\.\d+)?$"
_INTEGER = r"^-?(0|[1-9]\d*)$"
_MINUTES = r"^\d{1,6}:[0-5]\d$"
_ID = r"^[A-Za-z0-9.-]{1,40}$"
_REASONS = {
    "missing_key": "The column {} is empty.",
    "invalid_key": "The column {} has characters that no FHIR id can have, or more than 40.",
    "not_a_number": "The column {} is not a number.",
    "not_an_integer": "The column {} is not a whole number.",
    "not_a_time": "The column {} is not a time as hh:mm.",
    "not_a_date": "The column {} is not a date as the mapping's format has it.",
    "unknown_code": "The column {} has a value that the mapping does not list.",
}


@dataclass(frozen=True)
class Rows:
    """The rows of one kind of file with their typed values: what templates are filled from.

    `frame` has the columns of a place, `problem` (array of code and column; null if there is none), one column of text
    a value, and `row_made`, how many resources the row makes by itself.
    """

    kind: FileKind
    frame: DataFrame
    lookup: Lookup


def typed_rows(rows: DataFrame, mapping: CsvMapping, kind: FileKind, loaded: Mapping[str, Entries]) -> Rows:
    """The rows of a kind of file with what the mapping says of their columns; `loaded` are tables that came as files."""
    from pyspark.sql import functions as F

    schema = "struct<" + ",".join(f"`{name}`:string" for name in kind.names) + ">"
    parsed = rows.where(F.col("file_kind") == kind.name).withColumn("cell", F.from_json("payload", schema))
    cells = {c.name: F.col("cell").getField(c.name) for c in kind.columns}
    raw = {f"_r{i}": F.trim(cells[c.name]) for i, c in enumerate(kind.columns)}
    parsed = parsed.withColumns(raw)
    said = {f"_s{i}": F.when(~F.col(f"_r{i}").isin("", *c.nulls), F.col(f"_r{i}")) for i, c in enumerate(kind.columns)}
    parsed = parsed.withColumns(said)
    parsed = parsed.withColumns({f"_v{i}": _typed(F.col(f"_s{i}"), c) for i, c in enumerate(kind.columns)})
    place = {c.name: i for i, c in enumerate(kind.columns)}
    tables = mapping.tables_of(kind)
    entries = {t.name: t.entries or loaded.get(t.name, {}) for t in tables}
    found = {
        f"_t{i}": F.when(_where(t.where, place), _constant(entries[t.name])[F.col(f"_s{place[t.column]}")])
        for i, t in enumerate(tables)
        if entries[t.name]
    }
    parsed = parsed.withColumns(found)
    problems = [_column_problem(F.col(f"_s{i}"), F.col(f"_v{i}"), c) for i, c in enumerate(kind.columns)]
    for i, t in enumerate(tables):
        if t.is_closed and entries[t.name]:
            said_one = F.col(f"_s{place[t.column]}")
            is_unknown = said_one.isNotNull() & F.col(f"_t{i}").isNull() & _where(t.where, place)
            problems.append(F.when(is_unknown, _problem("unknown_code", t.column)))
    parsed = parsed.withColumn("problem", F.coalesce(*problems))
    lookup = _lookup(mapping, kind, tables, entries)
    made = [F.when(_is_made(t, place, lookup), 1).otherwise(0) for t in kind.templates if not t.group]
    own = reduce(lambda a, b: a + b, made, F.lit(0))
    return Rows(kind, parsed.withColumn("row_made", F.when(F.col("problem").isNull(), own).otherwise(0)), lookup)


def _typed(said: Column, column: CsvColumn) -> Column:
    """The value as FHIR writes it, null where the cell is not of the column's type."""
    from pyspark.sql import functions as F

    if column.kind in ("number", "integer", "id"):
        return F.when(said.rlike({"number": _NUMBER, "integer": _INTEGER, "id": _ID}[column.kind]), said)
    if column.kind == "minutes":
        hours, minutes = (F.split_part(said, F.lit(":"), F.lit(n)).cast("int") for n in (1, 2))
        return F.when(said.rlike(_MINUTES), (hours * 60 + minutes).cast("string"))
    if column.kind in ("date", "datetime"):
        moment = F.try_to_timestamp(said, F.lit(column.format))
        if column.kind == "date":
            return F.date_format(moment, "yyyy-MM-dd")
        return F.date_format(F.to_utc_timestamp(moment, column.zone), "yyyy-MM-dd'T'HH:mm:ss'Z'")
    if column.values:
        return F.when(said.isin(*column.values), said)
    return said


_WRONG = {
    "id": "invalid_key",
    "number": "not_a_number",
    "integer": "not_an_integer",
    "minutes": "not_a_time",
    "date": "not_a_date",
    "datetime": "not_a_date",
    "text": "unknown_code",
}


def _column_problem(said: Column, value: Column, column: CsvColumn) -> Column:
    from pyspark.sql import functions as F

    found = F.when(said.isNotNull() & value.isNull(), _problem(_WRONG[column.kind], column.name))
    return found.when(said.isNull(), _problem("missing_key", column.name)) if column.is_required else found


def _problem(code: str, column: str) -> Column:
    from pyspark.sql import functions as F

    return F.array(F.lit(code), F.lit(_REASONS[code].format(column)))


def _constant(entries: Entries) -> Column:
    """The table as one constant, value to fields."""
    from pyspark.sql import functions as F

    return F.from_json(F.lit(json.dumps(entries)), "map<string,map<string,string>>")


def _where(where: Mapping[str, tuple[str, ...]], place: Mapping[str, int]) -> Column:
    from pyspark.sql import functions as F

    conditions = (F.coalesce(F.col(f"_s{place[c]}").isin(*values), F.lit(False)) for c, values in where.items())
    return reduce(lambda a, b: a & b, conditions, F.lit(True))


def _lookup(
    mapping: CsvMapping, kind: FileKind, tables: Sequence[ValueTable], entries: Mapping[str, Entries]
) -> Lookup:
    from pyspark.sql import functions as F

    place = {c.name: i for i, c in enumerate(kind.columns)}

    def lookup(name: str) -> Value | str:
        if name in place:
            column = kind.columns[place[name]]
            plain = column.kind != "text" or (bool(column.values) and not any(map(_NEEDS_ESCAPE.search, column.values)))
            return Value(F.col(f"_v{place[name]}"), plain)
        if name in mapping.constants:
            return mapping.constants[name]
        table, _, field = name.partition(".")
        number = next(i for i, t in enumerate(tables) if t.name == table and field in fields_of(mapping, t))
        if not entries[table]:
            return Value(F.lit(None).cast("string"), True)
        plain = not any(_NEEDS_ESCAPE.search(entry.get(field, "")) for entry in entries[table].values())
        return Value(F.col(f"_t{number}")[field], plain)

    return lookup


def _is_made(template: Template, place: Mapping[str, int], lookup: Lookup) -> Column:
    return _where(template.where, place) & is_made(template.resource, template.needs, lookup)


def statuses(rows: Rows) -> DataFrame:
    """What becomes of each row: its place, `status`, `problem` and `row_made`."""
    from pyspark.sql import functions as F

    place = {c.name: i for i, c in enumerate(rows.kind.columns)}
    grouped = [_where(t.where, place) for t in rows.kind.templates if t.group]
    is_used = reduce(lambda a, b: a | b, grouped, F.col("row_made") > 0)
    status = F.when(F.col("problem").isNotNull(), HELD).when(is_used, TRANSLATED).otherwise(NO_VALUE)
    return rows.frame.select(*_PLACE, status.alias("status"), "problem", "row_made")


def resources(rows: Rows) -> list[DataFrame]:
    """The resources that rows and groups of rows make: `resource_type`, `resource_id`, `payload` and their place."""
    from pyspark.sql import functions as F

    good = rows.frame.where("problem IS NULL")
    place = {c.name: i for i, c in enumerate(rows.kind.columns)}
    found: list[DataFrame] = []
    own = [t for t in rows.kind.templates if not t.group]
    if own:
        made = [F.when(_is_made(t, place, rows.lookup), _resource(t, rows.lookup)) for t in own]
        each = F.explode(F.array_compact(F.array(*made))).alias("r")
        found.append(good.where("row_made > 0").select(*_PLACE, each).select("r.*", *_PLACE))
    found += [_grouped(good, t, rows.kind, rows.lookup) for t in rows.kind.templates if t.group]
    return found


def _resource(template: Template, lookup: Lookup) -> Column:
    from pyspark.sql import functions as F

    return F.struct(
        F.lit(template.resource_type).alias("resource_type"),
        text_of(template.resource["id"], lookup).alias("resource_id"),
        json_of(template.resource, lookup).alias("payload"),
    )


def _grouped(good: DataFrame, template: Template, kind: FileKind, lookup: Lookup) -> DataFrame:
    """One resource a group of rows of one file: of each value the first that is given, at the place of the first row."""
    from pyspark.sql import functions as F

    place = {c.name: i for i, c in enumerate(kind.columns)}
    names = [r.name for r in template.references if r.name not in template.group]
    values = {name: value for name in names if isinstance(value := lookup(name), Value)}
    by = [F.col(f"_v{place[name]}").alias(f"_g{i}") for i, name in enumerate(template.group)]
    first = F.min(F.struct("byte_offset", "line", "payload_sha256")).alias("first")
    taken = [
        F.min_by(value.column, F.when(value.column.isNotNull(), F.col("byte_offset"))).alias(f"_n{i}")
        for i, value in enumerate(values.values())
    ]
    groups = good.where(_where(template.where, place)).groupBy("source_file", "batch_id", *by).agg(first, *taken)

    def of_group(name: str) -> Value | str:
        if name in template.group:
            return Value(F.col(f"_g{template.group.index(name)}"), True)
        found = lookup(name)
        return Value(F.col(f"_n{list(values).index(name)}"), found.is_plain) if isinstance(found, Value) else found

    made = groups.where(is_made(template.resource, template.needs, of_group))
    return made.select(_resource(template, of_group).alias("r"), "source_file", "first", "batch_id").select(
        "r.*", "source_file", "first.line", "first.byte_offset", "first.payload_sha256", "batch_id"
    )
