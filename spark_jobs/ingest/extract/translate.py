"""Rows of `bronze.csv_row` to FHIR resources by a mapping: DataFrames in, DataFrames out, without reads or actions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from catalog.mapping import CsvColumn, CsvMapping, FileKind, Template, ValueTable
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
_NUMBER = r"^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$"
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
    """The rows of a kind of file, typed by what the mapping says; `loaded` are the value tables that came as files."""
    from pyspark.sql import functions as F

    numbered = list(enumerate(kind.columns))
    place = {c.name: i for i, c in numbered}
    schema = "struct<" + ",".join(f"`{name}`:string" for name in kind.names) + ">"
    own = rows.where(F.col("file_kind") == kind.name)
    parsed = _once(own, F.from_json("payload", schema), [f"_c{i}" for i, _ in numbered])
    trimmed = parsed.withColumns({f"_c{i}": F.trim(f"_c{i}") for i, _ in numbered})
    said = {f"_s{i}": F.when(~F.col(f"_c{i}").isin("", *c.nulls), F.col(f"_c{i}")) for i, c in numbered}
    typed = trimmed.withColumns(said).withColumns({f"_v{i}": _typed(F.col(f"_s{i}"), c) for i, c in numbered})
    tables = [(i, t, t.entries or loaded.get(t.name, {})) for i, t in enumerate(mapping.tables_of(kind))]
    meanings = {
        f"_t{i}": F.when(_where(t.where, place), _constant(entries)[F.col(f"_s{place[t.column]}")])
        for i, t, entries in tables
        if entries
    }
    problems = [_column_problem(F.col(f"_s{i}"), F.col(f"_v{i}"), c) for i, c in numbered]
    problems += [_table_problem(i, t, place) for i, t, entries in tables if entries and t.is_closed]
    values = _values(mapping, kind, tables)
    columns = {f"_n{n}": value.column for n, value in enumerate(values.values())}
    columns |= {f"_s{place[c]}": F.col(f"_s{place[c]}") for t in kind.templates for c in t.where}
    columns["problem"] = F.coalesce(*problems)
    looked_up = typed.withColumns(meanings)
    whole = _once(looked_up, F.struct(*(c.alias(name) for name, c in columns.items())), list(columns))
    kept = {name: Value(F.col(f"_n{n}"), value.is_plain) for n, (name, value) in enumerate(values.items())}

    def lookup(name: str) -> Value | str:
        return kept[name] if name in kept else mapping.constants[name]

    made = [F.when(_is_made(t, place, lookup), 1).otherwise(0) for t in kind.templates if not t.group]
    number = reduce(lambda a, b: a + b, made, F.lit(0))
    return Rows(kind, whole.withColumn("row_made", F.when(F.col("problem").isNull(), number).otherwise(0)), lookup)


def _once(rows: DataFrame, fields: Column, names: Sequence[str]) -> DataFrame:
    """The place and the fields of a struct, computed once a row however often they are used.

    The optimizer copies expressions into every filter that follows, and would parse a row once more for each cell. It
    does not look through a generator, if it is an outer one over a column.
    """
    from pyspark.sql import functions as F

    packed = rows.select(*_PLACE, F.array(fields).alias("_one"))
    return packed.select(*_PLACE, F.expr("inline_outer(_one)").alias(*names))


def _values(mapping: CsvMapping, kind: FileKind, tables: Sequence[tuple[int, ValueTable, Entries]]) -> dict[str, Value]:
    """What the kind's templates refer to, but for constants, by name."""
    from pyspark.sql import functions as F

    place = {c.name: i for i, c in enumerate(kind.columns)}
    found: dict[str, Value] = {}
    for name in dict.fromkeys([n for t in kind.templates for n in (*t.group, *(r.name for r in t.references))]):
        if name in place:
            column = kind.columns[place[name]]
            listed = column.values or _listed(name, tables)
            plain = column.kind != "text" or (bool(listed) and not any(map(_NEEDS_ESCAPE.search, listed)))
            found[name] = Value(F.col(f"_v{place[name]}"), plain)
        elif name not in mapping.constants:
            table, _, field = name.partition(".")
            number, entries = next((i, e) for i, t, e in tables if t.name == table)
            plain = not any(_NEEDS_ESCAPE.search(entry.get(field, "")) for entry in entries.values())
            found[name] = Value(F.col(f"_t{number}")[field] if entries else F.lit(None).cast("string"), plain)
    return found


def _listed(column: str, tables: Sequence[tuple[int, ValueTable, Entries]]) -> tuple[str, ...]:
    """All that the column can hold, if a closed value table says so."""
    return next((tuple(e) for _, t, e in tables if t.column == column and t.is_closed and not t.where), ())


def _typed(said: Column, column: CsvColumn) -> Column:
    """The value as FHIR writes it, null where the cell is not of the column's type."""
    from pyspark.sql import functions as F

    if column.kind in ("integer", "id"):
        return F.when(said.rlike({"integer": _INTEGER, "id": _ID}[column.kind]), said)
    if column.kind == "number":
        return F.when(said.rlike(_NUMBER), F.translate(said, "+", ""))  # of 1e+04, which may stand in an id
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


def _table_problem(number: int, table: ValueTable, place: Mapping[str, int]) -> Column:
    from pyspark.sql import functions as F

    is_said = F.col(f"_s{place[table.column]}").isNotNull() & _where(table.where, place)
    return F.when(is_said & F.col(f"_t{number}").isNull(), _problem("unknown_code", table.column))


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


def row_resources(rows: Rows) -> DataFrame | None:
    """The resources that rows make by themselves: `resource_type`, `resource_id`, `payload` and their place."""
    from pyspark.sql import functions as F

    place = {c.name: i for i, c in enumerate(rows.kind.columns)}
    own = [t for t in rows.kind.templates if not t.group]
    if not own:
        return None
    made = [F.when(_is_made(t, place, rows.lookup), _resource(t, rows.lookup)) for t in own]
    each = rows.frame.where("row_made > 0").select(*_PLACE, F.array_compact(F.array(*made)).alias("_made"))
    return each.select(*_PLACE, F.expr("inline_outer(_made)"))


def group_rows(rows: Rows) -> DataFrame | None:
    """The good rows that make resources together with others; None if the kind of file has none such."""
    place = {c.name: i for i, c in enumerate(rows.kind.columns)}
    wheres = [_where(t.where, place) for t in rows.kind.templates if t.group]
    return rows.frame.where("problem IS NULL").where(reduce(lambda a, b: a | b, wheres)) if wheres else None


def group_resources(good: DataFrame, rows: Rows) -> list[DataFrame]:
    """The resources that groups of `group_rows` make, columns as of `row_resources`: a frame a template."""
    return [_grouped(good, t, rows.kind, rows.lookup) for t in rows.kind.templates if t.group]


def _resource(template: Template, lookup: Lookup) -> Column:
    from pyspark.sql import functions as F

    return F.struct(
        F.lit(template.resource_type).alias("resource_type"),
        text_of(template.resource["id"], lookup).alias("resource_id"),
        json_of(template.resource, lookup).alias("payload"),
    )


def _grouped(good: DataFrame, template: Template, kind: FileKind, lookup: Lookup) -> DataFrame:
    """One resource a group of a file's rows: of each value the first that is given, at the place of the first row."""
    from pyspark.sql import functions as F

    place = {c.name: i for i, c in enumerate(kind.columns)}
    names = [r.name for r in template.references if r.name not in template.group]
    values = {name: value for name in names if isinstance(value := lookup(name), Value)}
    keys = {name: value for name in template.group if isinstance(value := lookup(name), Value)}
    by = [value.column.alias(f"_k{i}") for i, value in enumerate(keys.values())]
    first = F.min(F.struct("byte_offset", "line", "payload_sha256")).alias("_first")
    taken = [
        F.min_by(value.column, F.when(value.column.isNotNull(), F.col("byte_offset"))).alias(f"_g{i}")
        for i, value in enumerate(values.values())
    ]
    groups = good.where(_where(template.where, place)).groupBy("source_file", "batch_id", *by).agg(first, *taken)
    kept: dict[str, Value] = {n: Value(F.col(f"_k{i}"), v.is_plain) for i, (n, v) in enumerate(keys.items())}
    kept |= {n: Value(F.col(f"_g{i}"), v.is_plain) for i, (n, v) in enumerate(values.items())}

    def of_group(name: str) -> Value | str:
        return kept[name] if name in kept else lookup(name)

    made = groups.where(is_made(template.resource, template.needs, of_group))
    place_of_first = ("source_file", "_first.line", "_first.byte_offset", "_first.payload_sha256", "batch_id")
    return made.select(*place_of_first, _resource(template, of_group).alias("_made")).select(*_PLACE, "_made.*")
