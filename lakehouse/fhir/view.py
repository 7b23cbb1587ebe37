"""A ViewDefinition on Spark: validate and compile, put it on records, or run it alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as spark

from lakehouse.errors import ViewError
from lakehouse.fhir.columns import ColumnPlan, OutputColumn
from lakehouse.fhir.program import PARSED, PAYLOAD, Program, compile_program
from lakehouse.fhir.told import ViewRows
from lakehouse.fhir.values import Problem, quote

# A stream's depth cannot be measured; what lies deeper becomes a problem of its record.
_STREAM_DEPTH = 6
_FIRST_DEPTH = 3
_DEEPEST = 48
# Ways down to the deepest level: a wide view with 32 took minutes and all memory, one with 16 half a minute.
_MOST_WAYS = 30
FLAGS = ("is_selected", "problems", "is_first")
_ITERATIONS = "spark.sql.analyzer.maxIterations"
_KEY = "`__key`"
_NO_PROBLEMS = "CAST(array() AS ARRAY<STRING>)"


class CompiledView:
    """A valid ViewDefinition, compiled; it needs no Spark session until it is put on records."""

    def __init__(self, view: Mapping[str, Any]) -> None:
        self._view = view
        self._compiled = cache(lambda depth, is_shaped: compile_program(view, depth, is_shaped))
        program = self._compiled(1, False)
        self.name: str = view.get("name") or program.resource.lower()
        self.resource: str = program.resource
        self.columns: tuple[OutputColumn, ...] = tuple(column.output for column in program.columns)

    def schema(self) -> spark.StructType:
        """The output's schema, in the view's order; every column may be null."""
        return spark.StructType([spark.StructField(column.name, column.spark_type) for column in self.columns])

    def project(
        self,
        records: DataFrame,
        payload: str = "payload",
        keep: Sequence[str] = (),
        key: Column | None = None,
        *,
        is_shaped: bool = False,
    ) -> DataFrame:
        """The view on every record: each yields at least one row, and none raises.

        Output: the `keep` columns unchanged, the view's columns, `is_selected`, `problems` (array of sentences without
        patient data, empty when fine) and `is_first` (true on one row of each record). `is_selected` is false where
        the type differs, a `where` is not true or an iteration has no row; with problems it is true, for they come
        first. A record that is not selected, or has problems, is one row with null view columns.
        `key` is what getResourceKey() yields, by default the `id` in the payload; `#id` references are taken for
        records of their own with the key `<resource type>/<key>#id`. A view with `repeat` on a batch reads the
        records once more, to measure how deep they go; on a stream, deeper than 6 levels is a problem, and anywhere
        deeper than 48, or 4 with two paths. `is_shaped` says that each record is known to hold each element in the
        JSON type that FHIR R4 gives it: what only finds other tokens is then left out, a third of a view's work.
        Raises ViewError when a column to keep has the name of a column of the output.
        """
        taken = {column.name.casefold() for column in self.columns} | set(FLAGS)
        for name in keep:
            if name.casefold() in taken or name.startswith("__"):
                raise ViewError(f"keep: the output of the view has a column {name}; rename the column of the records.")
        for column in self.columns:
            if column.name.casefold() in FLAGS:
                raise ViewError(f"column {column.name}: the name is taken by a column that project() adds; rename it.")
        return self._rows(records, payload, tuple(keep), key, own_records=True, is_shaped=is_shaped)

    def run(self, records: DataFrame, payload: str = "payload") -> DataFrame:
        """The rows of the view alone; a record with a problem raises, when rows are read, an error that names it."""
        rows = self._rows(records, payload, (), None, own_records=False, is_shaped=False)
        message = f"concat({quote(f'view {self.name}: ')}, array_join(problems, '; '))"
        check = f"CASE WHEN size(problems) > 0 THEN raise_error({message}) IS NULL ELSE is_selected END"
        return rows.where(F.expr(check)).select(*(F.col(column.name) for column in self.columns))

    def _rows(
        self,
        records: DataFrame,
        payload: str,
        keep: tuple[str, ...],
        key: Column | None,
        *,
        own_records: bool,
        is_shaped: bool,
    ) -> DataFrame:
        keys = [] if key is None else [key.cast("string").alias("__key")]
        source = records.select(*_kept(keep), F.col(f"`{payload}`").alias("__payload"), *keys)
        column = _KEY if key is not None else (f"{PARSED}.`id`" if own_records else None)
        with _analysis(records.sparkSession, self._compiled(1, is_shaped).uses_repeat):
            program = self._program(source, is_shaped)
            parsed = _parse(program, source, keep, column)
            return _finish(program, _evaluate(program, parsed, keep, column), keep)

    def _program(self, source: DataFrame, is_shaped: bool) -> Program:
        """The program for the depth of the data: one job for each time that the depth turns out too small."""
        first = self._compiled(1, is_shaped)
        if not first.uses_repeat:
            return first
        deepest = _deepest(first.paths)
        if source.isStreaming:
            return self._compiled(min(_STREAM_DEPTH, deepest), is_shaped)
        depth = min(_FIRST_DEPTH, deepest)
        while True:
            program = self._compiled(depth, is_shaped)
            found = _depth(program, source)
            if found <= depth:
                return self._compiled(max(found, 1), is_shaped)
            if depth >= deepest:
                return program
            depth = min(depth * 2, deepest)


def _deepest(paths: int) -> int:
    """How deep a `repeat` of so many paths may go: its plan doubles at each level with two, and Spark gives up."""
    return next(depth for depth in range(_DEEPEST, 0, -1) if paths**depth <= _MOST_WAYS or depth == 1)


def compile_view(view: Mapping[str, Any]) -> CompiledView:
    """Validates and compiles a ViewDefinition; ViewError names the element that is wrong and what is wrong with it."""
    return CompiledView(view)


def run_view(spark: SparkSession, view: Mapping[str, Any], resources: DataFrame) -> DataFrame:
    """The rows of a view over resources: one string column `payload`, any types, one resource a row.

    Columns stand in the view's order; rows in no promised order. ViewError for an invalid view, and when rows are
    computed for a record that the view cannot take (several values where one is allowed, a wrong shape), naming the
    column. What is derived from the result raises Spark's own error for that: stand it inside `record_told`.
    """
    compiled = compile_view(view)
    return ViewRows(compiled.run(resources), compiled.name)


@contextmanager
def _analysis(session: SparkSession, is_deep: bool) -> Iterator[None]:
    """Lets the analyzer take one step for each level of a `repeat`: its limit is made to find rules that never end."""
    before = session.conf.get(_ITERATIONS)
    if is_deep:
        session.conf.set(_ITERATIONS, "100000")
    try:
        yield
    finally:
        if is_deep and before is not None:
            session.conf.set(_ITERATIONS, before)


def _depth(program: Program, source: DataFrame) -> int:
    parsed = source.select(PAYLOAD, F.expr(f"from_json({program.payload}, {program.parse_arguments})").alias("__r"))
    depths = ", ".join(f"coalesce({program.bound(depth, None)}, 0)" for depth in program.depths)
    found = parsed.where(f"{PARSED}.`resourceType` = {quote(program.resource)}").agg(
        F.expr(f"max(array_max(array({depths})))")
    )
    row = found.collect()[0]
    return int(row[0] or 0)


def _parse(program: Program, source: DataFrame, keep: tuple[str, ...], key: str | None) -> DataFrame:
    """Adds the parsed record, and whether it is selected; where that is told first, only selected ones are parsed.

    What follows uses a parsed record more than once, and so the optimizer keeps it in one place.
    """
    where = program.where
    names = [*_kept(keep), F.col(PAYLOAD), *([F.col(key)] if key == _KEY else [])]
    if not where.comes_first:
        parse = F.expr(f"from_json({program.payload}, {program.parse_arguments})")
        return _judged(program, source.select(*names, parse.alias("__r")), [*names, F.col(PARSED)], key)
    parse = F.expr(f"from_json({where.payload}, {where.parse_arguments})")
    judged = _judged(program, source.select(*names, parse.alias("__w")), names, key)
    selected = "`__agrees` AND `__shape` IS NULL AND size(`__where_problems`) = 0 AND `__where`"
    wide = f"from_json(CASE WHEN {selected} THEN {program.payload} END, {program.parse_arguments})"
    shape = f"CASE WHEN {selected} THEN {program.shape_problem} ELSE `__shape` END"
    return judged.withColumn("__r", F.expr(wide)).withColumn("__shape", F.expr(shape))


def _judged(program: Program, parsed: DataFrame, names: list[Column], key: str | None) -> DataFrame:
    """Adds whether the record is of the view's type and meets its `where`, and what is wrong with its shape."""
    where = program.where
    agrees = f"{where.parsed}.`resourceType` <=> {quote(program.resource)}"
    # A record of another type is judged by its type alone; one that does not parse has no type.
    other = f"{where.parsed}.`resourceType` IS NOT NULL AND NOT ({agrees})"
    return parsed.select(
        *names,
        F.expr(f"CASE WHEN {other} THEN NULL ELSE {where.shape_problem} END").alias("__shape"),
        F.expr(agrees).alias("__agrees"),
        F.expr(program.bound(where.sql, key, where.parsed)).alias("__where"),
        F.expr(program.bound(_sentences(where.problems), key, where.parsed)).alias("__where_problems"),
    )


def _evaluate(program: Program, parsed: DataFrame, keep: tuple[str, ...], key: str | None) -> DataFrame:
    """Adds raw values, then the problems and whether the record is selected."""

    def bound(sql: str) -> Column:
        return F.expr(program.bound(sql, key))

    raw = [bound(sql).alias(name) for name, sql in program.plain.items()]
    if program.rows is not None:
        raw.append(bound(program.rows).alias("__rows"))
    step = parsed.select(
        *_kept(keep),
        *raw,
        *(F.col(f"`__{flag}`") for flag in ("shape", "agrees", "where", "where_problems")),
        bound(_sentences(program.problems)).alias("__path_problems"),
    )
    names = [F.col(f"`{_held(column)}`") for column in program.columns if _is_plain(program, column)]
    if program.rows is not None:
        names.append(F.col("`__rows`"))
    once = [column for column in program.columns if _is_plain(program, column) and column.is_converted_once]
    converted = [F.expr(column.convert.sql(f"`__{column.raw}`")).alias(_held(column)) for column in once]
    step = step.select("*", *converted)
    problems = (
        f"CASE WHEN `__shape` IS NOT NULL THEN array(`__shape`) WHEN NOT `__agrees` THEN {_NO_PROBLEMS} "
        f"WHEN size(`__where_problems`) > 0 THEN `__where_problems` WHEN NOT `__where` THEN {_NO_PROBLEMS} "
        f"ELSE array_distinct(concat(`__path_problems`, {_sentences(_checks(program))})) END"
    )
    has_rows = "true" if program.rows is None else "size(`__rows`) > 0"
    selected = f"`__agrees` AND `__where` AND {has_rows}"
    # The optimizer copies plain expressions into every filter that follows, and would judge and parse a record once
    # more for each. It does not look through a generator, if it is an outer one over a column: so the flags come out
    # of one.
    flags = F.expr(f"array(named_struct('problems', {problems}, 'selected', {selected}))")
    judged = step.select(*_kept(keep), *names, flags.alias("__flags"))
    return judged.select(*_kept(keep), *names, F.expr("inline_outer(`__flags`)").alias("__problems", "__selected"))


def _is_plain(program: Program, column: ColumnPlan) -> bool:
    """Whether the column has one value a record, beside the rows of iterations."""
    return f"__{column.raw}" in program.plain


def _held(column: ColumnPlan) -> str:
    """The column that holds a plain value until the end: the raw value, or what it was converted to."""
    return f"__c{column.position}" if column.is_converted_once else f"__{column.raw}"


def _checks(program: Program) -> list[Problem]:
    """What can be wrong with the values of columns: too many, or not of the type that is asked for."""
    found = []
    for column in program.columns:
        if _is_plain(program, column):
            found += column.problems(f"`__{column.raw}`", f"`{_held(column)}`")
        else:
            inner = column.problems(f"w.`{column.raw}`")
            found += [Problem(f"exists(`__rows`, w -> {each.sql})", each.message) for each in inner]
    return found


def _sentences(problems: Sequence[Problem]) -> str:
    """SQL for the sentences of those problems that a record has."""
    if not problems:
        return _NO_PROBLEMS
    tests = ", ".join(f"CASE WHEN {problem.sql} THEN {quote(problem.message)} END" for problem in problems)
    return f"array_compact(array({tests}))"


def _finish(program: Program, evaluated: DataFrame, keep: tuple[str, ...]) -> DataFrame:
    """One row for each row of the view, and one of nulls for a record without."""
    fine = "(`__selected` AND size(`__problems`) = 0)"
    plain = [F.col(f"`{_held(column)}`") for column in program.columns if _is_plain(program, column)]
    flags = [F.col("`__selected`"), F.col("`__problems`")]
    is_first = F.lit(True)
    if program.rows is not None:
        rows = F.posexplode_outer(F.expr(f"CASE WHEN {fine} THEN `__rows` END")).alias("__position", "__row")
        evaluated = evaluated.select(*_kept(keep), *plain, *flags, rows)
        evaluated = evaluated.select(*_kept(keep), *plain, *flags, "__position", "__row.*")
        is_first = F.expr("coalesce(`__position`, 0) = 0")
    finished = []
    for column in program.columns:
        if not _is_plain(program, column):
            value = column.finished(f"`{column.raw}`")
        elif column.is_converted_once:
            value = f"`{_held(column)}`"
        else:
            value = column.finished(f"`{_held(column)}`")
        finished.append(F.expr(f"CASE WHEN {fine} THEN {value} END").alias(column.name))
    is_selected = F.expr("`__selected` OR size(`__problems`) > 0").alias("is_selected")
    problems = F.col("`__problems`").alias("problems")
    return evaluated.select(*_kept(keep), *finished, is_selected, problems, is_first.alias("is_first"))


def _kept(keep: tuple[str, ...]) -> list[Column]:
    return [F.col(f"`{name}`") for name in keep]
