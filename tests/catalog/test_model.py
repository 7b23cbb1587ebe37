"""Declarations are refused when they contradict themselves."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from catalog.model import CLINICAL_RECORD, OPERATIONAL, SUBJECT, Column, InvalidTable, Table, fail, identity, warn
from catalog.registry import TABLES, collect
from catalog.types import Text


def table(**changes: Any) -> Table:
    values: dict[str, Any] = {
        "name": "silver.thing",
        "columns": (Column("thing_id", Text, doc="Its id.", tag=SUBJECT),),
        "doc": "A thing.",
        "grain": "one row a thing",
        "key": ("thing_id",),
        "retention": CLINICAL_RECORD,
    }
    return Table(**{**values, **changes})


def test_an_untagged_column_is_an_error() -> None:
    with pytest.raises(TypeError, match="tag"):
        Column("a", Text, doc="No tag.")  # type: ignore[call-arg]
    with pytest.raises(InvalidTable, match=r"silver.thing: column thing_id is not tagged"):
        table(columns=(Column("thing_id", Text, doc="Its id.", tag=None),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "Thing"}, "layer.name"),
        ({"name": "silver.Thing"}, "layer.name"),
        ({"key": ()}, "no key"),
        ({"key": ("nothing",)}, "key: there is no column 'nothing'"),
        ({"partition": (identity("nothing"),)}, "partition: there is no column 'nothing'"),
        ({"checks": (fail.unique("nothing"),)}, "there is no column 'nothing'"),
        ({"checks": (warn.reference("thing_id"),)}, "refers to no table"),
        ({"checks": (fail.that("a", "true", "x"), warn.that("a", "true", "x"))}, "check 'a' is declared twice"),
        ({"columns": (Column("thing_id", Text, doc="Id.", tag=SUBJECT),) * 2}, "'thing_id' is declared twice"),
        ({"columns": (Column("thing_id", Text, doc=" ", tag=SUBJECT),)}, "thing_id has no doc"),
        ({"columns": (Column("thing_id", Text, doc="Id.", tag=SUBJECT, null=True),)}, "must not be null"),
        ({"columns": (Column("thingId", Text, doc="Id.", tag=SUBJECT),), "key": ("thingId",)}, "lower case"),
    ],
)
def test_a_contradiction_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidTable, match=said):
        table(**changes)


def test_a_reference_to_an_unknown_table_and_a_duplicate_are_errors() -> None:
    module = ModuleType("tables")
    module.THING = table(columns=(Column("thing_id", Text, doc="Id.", tag=SUBJECT, ref="silver.other"),))  # type: ignore[attr-defined]
    with pytest.raises(InvalidTable, match=r"refers to silver.other"):
        collect(module)
    module.THING = table()  # type: ignore[attr-defined]
    module.AGAIN = replace(table(), doc="Another.")  # type: ignore[attr-defined]
    with pytest.raises(InvalidTable, match="declared twice"):
        collect(module)


def test_asking_for_a_column_that_is_not_there_names_table_and_column() -> None:
    with pytest.raises(KeyError, match=r"silver.thing has no column 'x'"):
        table().column("x")


def test_every_column_of_every_table_is_tagged_and_documented() -> None:
    for declared in TABLES.values():
        for column in declared.columns:
            assert column.tag is not None
            assert column.doc.endswith("."), f"{declared.name}.{column.name}"


def test_every_silver_table_ends_with_the_record_columns_and_has_a_gate() -> None:
    silver = [t for t in TABLES.values() if t.schema_name == "silver"]
    assert silver
    for declared in silver:
        assert [c.name for c in declared.columns[-2:]] == ["run_id", "is_deleted"]
        assert declared.columns[-1].tag is OPERATIONAL
        kinds = {c.kind.value for c in declared.checks}
        assert {"unique", "volume"} <= kinds, declared.name
