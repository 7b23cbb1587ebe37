"""What is sent to Trino: the text as it was written, with parameters by place."""

import pytest

from lakehouse.errors import InputError
from lakehouse.sql.readonly import check_parameters
from lakehouse.sql.trino_text import statement


def asked(sql: str, parameters: dict[str, object]) -> tuple[str, list[object]]:
    made = statement(sql)
    check_parameters(made.parameters, parameters)
    return made.sql, made.values(parameters)


def test_parameters_are_bound_by_place_and_all_else_stands_where_it_stood() -> None:
    sql = "SELECT ':not', x -- :nor this\nFROM t WHERE a = :a AND b = :b AND c = :a;"
    text, values = asked(sql, {"a": 1, "b": "'; DROP TABLE t"})
    assert text == "SELECT ':not', x -- :nor this\nFROM t WHERE a = ?  AND b = ?  AND c = ? "
    assert values == [1, "'; DROP TABLE t", 1]
    assert asked("EXPLAIN ANALYZE SELECT :a", {"a": 1}) == ("EXPLAIN ANALYZE SELECT ? ", [1])
    assert asked("show tables from lake.silver;", {}) == ("show tables from lake.silver", [])
    assert asked("SELECT a[:i], \":i\", JSON_OBJECT('k' : 1)", {"i": 1})[1] == [1]


def test_values_of_the_text_are_known_so_that_no_message_repeats_them() -> None:
    told = statement("SELECT 1, 123, 'Ann Lee', U&'x\\0041', \"Bob Roy\", \"name\" FROM t").literals
    assert {"123", "Ann Lee", "Bob Roy"} <= told
    assert not {"1", "name", "t"} & told


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT :a", "no value"),
        ("SELECT ?", "has a name here"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("", "no statement"),
        (" ; ", "no statement"),
        ("EXPLAIN ANALYZE DELETE FROM lake.silver.patient", "must be followed"),
        ("EXPLAIN (TYPE IO) CALL x()", "must be followed"),
        ("EXPLAIN", "must be followed"),
        ("DELETE FROM lake.silver.patient", "only queries .* is a DELETE"),
        ("CREATE TABLE x AS SELECT 1", "only queries"),
        ("CALL lake.system.unregister_table('a', 'b')", "only queries"),
        ("EXECUTE IMMEDIATE 'DELETE FROM t'", "only queries .* is an EXECUTE"),
        ("SELECT 'open", "cannot be read"),
    ],
)
def test_what_is_no_query_is_refused_with_a_sentence(sql: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        asked(sql, {})
    with pytest.raises(InputError, match="no parameter :b"):
        asked("SELECT 1", {"b": 1})
