"""The analysed plan of a DataFrame as Spark's JSON, in few calls to the JVM."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import msgspec

from lakehouse.jvm import java_class

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def plan_of(frame: "DataFrame", stop_at: Collection[str] = ()) -> list[dict[str, Any]]:
    """The nodes of the plan in preorder; what lies below an alias named in `stop_at` is left out.

    A view over JSON makes plans of tens of megabytes, of which nothing is asked that the view does not know better.
    """
    spark = frame.sparkSession
    plan = frame._jdf.queryExecution().analyzed()
    cut = _cut(spark, plan, frozenset(stop_at)) if stop_at else plan
    return msgspec.json.decode(cut.toJSON(), type=list[dict[str, Any]])


def _cut(spark: "SparkSession", node: Any, stop_at: frozenset[str]) -> Any:
    children = node.children()
    count = children.size()
    if not count:
        return node
    if node.nodeName() == "SubqueryAlias" and node.alias() in stop_at:
        local = java_class(spark, "org.apache.spark.sql.catalyst.plans.logical.LocalRelation")
        empty = local(children.apply(0).output(), _sequence(spark, []), False)
        return node.withNewChildren(_sequence(spark, [empty]))
    return node.withNewChildren(_sequence(spark, [_cut(spark, children.apply(i), stop_at) for i in range(count)]))


def _sequence(spark: "SparkSession", items: list[Any]) -> Any:
    """A Scala sequence."""
    given = java_class(spark, "java.util.ArrayList")()
    for item in items:
        given.add(item)
    return java_class(spark, "scala.collection.JavaConverters").asScalaBuffer(given).toSeq()
