"""Classes of Spark's JVM by their names.

Py4J asks the JVM for each part of a dotted name and for each method, each time that one is used, and the JVM looks in
every jar of the class path for a part that is no class. One `lake demo` asked 31,000 times and was as fast without,
for others of its threads had work meanwhile; a job that plans alone, as in tests, took a twelfth less (two cores).
"""

from typing import TYPE_CHECKING, Any

from py4j.java_gateway import JavaClass, JavaMember, JavaPackage

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_OFTEN_ASKED = ("Column", "PythonSQLUtils", "PythonUtils", "SparkConf", "SparkSession", "SparkSession$", "functions")
"""What PySpark looks for by a name without a package: one for each function and column that is called."""


class _Package(JavaPackage):  # type: ignore[misc]  # Py4J has no types
    """A package that asks for each of its members once."""

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        if type(found) is JavaPackage:
            found = _Package(found._fqn, found._gateway_client, found._jvm_id)
        elif type(found) is JavaClass:
            found = _Class(found._fqn, found._gateway_client)
        setattr(self, name, found)
        return found


class _Class(JavaClass):  # type: ignore[misc]
    """A class that asks for each of its static methods once; a field is read each time, for it may change."""

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        if type(found) is JavaMember:
            setattr(self, name, found)
        return found


def java_class(spark: "SparkSession", name: str) -> Any:
    """A class by its full name, without looking for it; one that is not there fails when it is used."""
    jvm: Any = spark.sparkContext._jvm
    if name not in vars(jvm):
        setattr(jvm, name, _Class(name, jvm._gateway_client))
    return vars(jvm)[name]


def remember_classes(spark: "SparkSession") -> None:
    """Have PySpark's own look-ups, one for each function of `pyspark.sql.functions` that is called, found once."""
    jvm: Any = spark.sparkContext._jvm
    for name in _OFTEN_ASKED:
        setattr(jvm, name, _Class(getattr(jvm, name)._fqn, jvm._gateway_client))
    jvm.org = _Package("org", jvm._gateway_client, jvm._id)
