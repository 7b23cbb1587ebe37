"""One column of a view: checked, typed, compiled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import types as spark

from lakehouse.fhir import ansi, elements
from lakehouse.fhir.elements import KINDS
from lakehouse.fhir.errors import at_path, fail
from lakehouse.fhir.expressions import compile_path
from lakehouse.fhir.values import Problem, Scope, Value, as_array

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_KEYS = {"path", "name", "description", "collection", "type", "tag", "id", "extension", "modifierExtension"}
# A number may be declared as a wider one, a date or time as the string that it is written as.
_WIDER = {("integer", "decimal"), ("integer", "integer64"), ("dateTime", "string"), ("time", "string")}
_CODING = ("system", "code", "display")


@dataclass(frozen=True)
class OutputColumn:
    """A column of the output; `element_path` is where it comes from (`Patient.name.family`), None for a constant."""

    name: str
    fhir_type: str
    collection: bool
    spark_type: spark.DataType
    element_path: str | None


@dataclass(frozen=True)
class ColumnPlan:
    """A column while it is compiled: raw is what the path yields (an array where several values are possible)."""

    position: int
    name: str
    fhir_type: str
    is_collection: bool
    is_many: bool
    raw_ddl: str
    convert: ansi.Conversion
    element_path: str | None
    is_row_index: bool

    @property
    def spark_type(self) -> spark.DataType:
        """The type of the finished column."""
        return spark.ArrayType(self.convert.type, False) if self.is_collection else self.convert.type

    @property
    def raw(self) -> str:
        """The name of the raw value's field."""
        return f"e{self.position}"

    @property
    def output(self) -> OutputColumn:
        """The column as it is shown to callers."""
        return OutputColumn(self.name, self.fhir_type, self.is_collection, self.spark_type, self.element_path)

    @property
    def is_converted_once(self) -> bool:
        """Whether the conversion is worth a column of its own, for it is judged and then used."""
        return self.convert.can_fail and not self.is_many

    def describe(self) -> str:
        """The type in words, for messages."""
        return f"{'collection of ' if self.is_collection else ''}{self.spark_type.simpleString()}"

    def merged(self, *others: ColumnPlan) -> ColumnPlan:
        """The column of a union: several values are possible if they are in any branch."""
        columns = [self, *others]
        paths = [column.element_path for column in columns if column.element_path]
        widest = next((column for column in columns if column.is_many), self)
        return replace(
            self,
            is_many=widest.is_many,
            raw_ddl=widest.raw_ddl,
            element_path=", ".join(dict.fromkeys(paths)) or None,
        )

    def finished(self, raw: str) -> str:
        """The finished value from the raw one."""
        if self.is_collection:
            converted = self.convert.sql("v")
            return raw if converted == "v" else f"transform({raw}, v -> {converted})"
        return self.convert.sql(f"get({raw}, 0)" if self.is_many else raw)

    def problems(self, raw: str, converted: str | None = None) -> list[Problem]:
        """Conditions on the raw value that make the record unusable, each with its sentence."""
        found = []
        if self.is_many and not self.is_collection:
            found.append(Problem(f"size({raw}) > 1", f"column {self.name}: several values where one is allowed"))
        if self.convert.can_fail:
            what = f"column {self.name}: a value is not a {self.convert.type.simpleString()}"
            if self.is_many:
                bad = f"v IS NOT NULL AND {self.convert.sql('v')} IS NULL"
                found.append(Problem(f"exists({raw}, v -> {bad})", what))
            else:
                found.append(Problem(f"{raw} IS NOT NULL AND {converted or self.convert.sql(raw)} IS NULL", what))
        return found


@dataclass(frozen=True)
class CollectedPlan(ColumnPlan):
    """A column that holds the rows of an iteration as an array of structs; `inner` are the fields."""

    inner: tuple[ColumnPlan, ...] = ()

    def finished(self, raw: str) -> str:
        """The rows with finished fields."""
        fields = ", ".join(f"'{column.name}', {column.finished(f'c.`{column.raw}`')}" for column in self.inner)
        return f"transform({raw}, c -> named_struct({fields}))"

    def problems(self, raw: str, converted: str | None = None) -> list[Problem]:
        """What can be wrong with a field of any row."""
        found = [problem for column in self.inner for problem in column.problems(f"c.`{column.raw}`")]
        return [Problem(f"exists({raw}, c -> {problem.sql})", problem.message) for problem in found]


def collected(name: str, inner: list[ColumnPlan], position: int, where: str) -> CollectedPlan:
    """The column of an iteration's rows, which have the columns `inner`."""
    if not NAME.fullmatch(name):
        fail(where, f"has to match ^{NAME.pattern}$, and {name!r} does not")
    row = spark.StructType([spark.StructField(column.name, column.spark_type) for column in inner])
    raw_ddl = f"ARRAY<STRUCT<{', '.join(f'{column.raw}: {column.raw_ddl}' for column in inner)}>>"
    paths = dict.fromkeys(column.element_path for column in inner if column.element_path)
    convert = ansi.Conversion(row, lambda sql: sql, can_fail=False)
    element_path = ", ".join(paths) or None
    return CollectedPlan(
        position, name, "BackboneElement", True, True, raw_ddl, convert, element_path, False, inner=tuple(inner)
    )


def unique(columns: Iterable[ColumnPlan], where: str) -> None:
    """Names differ by more than case, for Spark and SQL engines do not tell them apart otherwise."""
    seen: set[str] = set()
    for column in columns:
        if column.name.casefold() in seen:
            fail(where, f"column {column.name} is defined twice")
        seen.add(column.name.casefold())


def plan_column(scope: Scope, column: Any, where: str, position: int) -> tuple[ColumnPlan, str]:
    """A column of a select and the SQL of its raw value."""
    name, path, is_collection = _checked(column, where)
    with at_path(f"{where}.path", path):
        value = compile_path(scope, path)
    value = _coding(value, name) if value.type == "Coding" else value
    if value.kind == "complex" and value.type != "Coding":
        known = [n for n, e in elements.table(value.type).elements.items() if e.type in KINDS and n != "id"]
        hint = f" (such as {', '.join(known[:3])})" if known else ""
        fail(f"{where}.path", f"yields a {value.type}, which is no column: select its elements{hint}")
    fhir_type = _type(value, column.get("type"), where)
    asked = _ansi_type(column, where)
    convert = _conversion(fhir_type, asked, where)
    many = value.many or is_collection
    plain = ansi.own_type(fhir_type).simpleString() if fhir_type in KINDS else convert.type.simpleString()
    # An empty collection is an empty array; null is left for the row of an empty forEachOrNull.
    sql = as_array(value) if is_collection else value.sql
    raw_ddl = f"ARRAY<{plain}>" if many else plain
    is_row_index = path.strip() == "%rowIndex"
    plan = ColumnPlan(position, name, fhir_type, is_collection, many, raw_ddl, convert, value.path, is_row_index)
    return plan, f"CAST({sql} AS {raw_ddl})"


def _checked(column: Any, where: str) -> tuple[str, str, bool]:
    if not isinstance(column, Mapping):
        fail(where, "has to be an object")
    for key in column:
        if key not in _KEYS:
            fail(f"{where}.{key}", f"is not part of a column (there are {', '.join(sorted(_KEYS))})")
    name, path, collection = column.get("name"), column.get("path"), column.get("collection", False)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        fail(f"{where}.name", f"has to match ^{NAME.pattern}$, and {name!r} does not")
    if not isinstance(path, str):
        fail(f"{where}.path", "has to be a FHIRPath expression in a string")
    if not isinstance(collection, bool):
        fail(f"{where}.collection", "has to be true or false")
    return name, path, collection


def _coding(value: Value, name: str) -> Value:
    """A Coding as a struct of system, code and display."""
    node = value.node
    assert node is not None
    for field in _CODING:
        node.child(elements.table("Coding").elements[field], False)
    struct = (
        "CASE WHEN {0} IS NOT NULL THEN named_struct(" + ", ".join(f"'{f}', {{0}}.`{f}`" for f in _CODING) + ") END"
    )
    sql = f"transform({value.sql}, c -> {struct.format('c')})" if value.many else struct.format(value.sql)
    return replace(value, sql=sql)


def _type(value: Value, declared: Any, where: str) -> str:
    """The FHIR type of the column: the declared one if the path can yield it, else what the path yields."""
    if declared is None:
        return "string" if value.kind == "empty" else value.type
    if not isinstance(declared, str):
        fail(f"{where}.type", "has to be the name of a FHIR type")
    name: str = declared.rsplit("/", 1)[-1]
    if name not in KINDS and name != "Coding":
        fail(f"{where}.type", f"{name!r} is not a type that a column can have{elements.nearest(name, KINDS)}")
    if value.kind == "empty":
        return name
    yields, wanted = KINDS.get(value.type, value.type), KINDS.get(name, name)
    agrees = _temporal(value.type, name) if wanted == "dateTime" else yields == wanted
    if agrees or (yields, wanted) in _WIDER:
        return name
    fail(f"{where}.type", f"is {name}, but the path yields {value.type}")


def _temporal(yields: str, declared: str) -> bool:
    """An instant is a dateTime, and a dateTime may be written as a date."""
    return declared in (yields, "dateTime") or (yields, declared) == ("dateTime", "date")


def _ansi_type(column: Mapping[str, Any], where: str) -> str | None:
    tags = column.get("tag") or []
    if not isinstance(tags, list) or not all(isinstance(tag, Mapping) for tag in tags):
        fail(f"{where}.tag", "has to be a list of objects with name and value")
    for tag in tags:
        if tag.get("name") == "ansi/type":
            return str(tag.get("value"))
    return None


def _conversion(fhir_type: str, asked: str | None, where: str) -> ansi.Conversion:
    if fhir_type == "Coding":
        if asked is not None:
            fail(f"{where}.tag", "ansi/type does not apply to a Coding")
        fields = [spark.StructField(name, spark.StringType()) for name in _CODING]
        return ansi.Conversion(spark.StructType(fields), lambda sql: sql, can_fail=False)
    if asked is None:
        return ansi.Conversion(ansi.own_type(fhir_type), lambda sql: sql, can_fail=False)
    found = ansi.conversion(fhir_type, asked)
    if found is None:
        fail(f"{where}.tag", f"ansi/type {asked!r} is unknown, or a {fhir_type} cannot become one")
    return found
