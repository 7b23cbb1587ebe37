"""What Spark's JVM is asked for: names once, values each time."""

from typing import Any

import pytest
from py4j.protocol import FIELD_COMMAND_NAME, REFLECTION_COMMAND_NAME
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lakehouse.jvm import java_class


@pytest.fixture
def asked(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of commands that Py4J sends to the JVM."""
    client: Any = spark.sparkContext._gateway._gateway_client  # type: ignore[union-attr]
    send, kinds = client.send_command, list[str]()

    def told(command: str, *arguments: Any, **named: Any) -> Any:
        kinds.append(command.split("\n", 1)[0] + "\n")
        return send(command, *arguments, **named)

    monkeypatch.setattr(client, "send_command", told)
    return kinds


def test_a_function_of_spark_is_looked_for_once(asked: list[str]) -> None:
    F.upper("name")
    asked.clear()
    F.upper("name")
    assert asked
    assert REFLECTION_COMMAND_NAME not in asked


def test_a_class_by_its_full_name_is_not_looked_for(spark: SparkSession, asked: list[str]) -> None:
    integer = java_class(spark, "java.lang.Integer")
    assert not asked
    assert integer.parseInt("7") == 7
    asked.clear()
    assert integer.parseInt("8") == 8
    assert REFLECTION_COMMAND_NAME not in asked


def test_a_field_of_a_class_is_read_each_time(spark: SparkSession, asked: list[str]) -> None:
    integer = java_class(spark, "java.lang.Integer")
    assert integer.MAX_VALUE == 2**31 - 1
    asked.clear()
    assert integer.MAX_VALUE == 2**31 - 1
    assert REFLECTION_COMMAND_NAME in asked or FIELD_COMMAND_NAME in asked
