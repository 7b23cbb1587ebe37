"""Classes of Spark's JVM by their names.

Py4J looks for each part of a dotted name, and for each name that Spark imports, in every jar of the class path, each
time that it is asked: a sixteenth of what the driver did on a day of few changes.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_OFTEN_ASKED = ("functions", "PythonSQLUtils", "PythonUtils", "SparkSession")


def java_class(spark: "SparkSession", name: str) -> Any:
    """A class by its full name, without looking for it; one that is not there fails when it is used."""
    from py4j.java_gateway import JavaClass

    gateway: Any = spark.sparkContext._gateway
    return JavaClass(name, gateway._gateway_client)


def remember_classes(spark: "SparkSession") -> None:
    """Have PySpark's own look-ups, one for each function of `pyspark.sql.functions` that is called, found once."""
    jvm: Any = spark.sparkContext._jvm
    for name in _OFTEN_ASKED:
        setattr(jvm, name, getattr(jvm, name))
