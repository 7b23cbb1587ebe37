"""The text of plans, for tests that count what Spark will do."""

from pyspark.sql import DataFrame

_WHOLE = {"spark.sql.maxPlanStringLength": "100000000", "spark.sql.debug.maxToStringFields": "1000"}


def optimized(frame: DataFrame) -> str:
    """The optimized plan in full, where sessions of Carelake shorten it."""
    conf = frame.sparkSession.conf
    usual = {name: str(conf.get(name)) for name in _WHOLE}
    try:
        for name, value in _WHOLE.items():
            conf.set(name, value)
        return str(frame._jdf.queryExecution().optimizedPlan().toString())
    finally:
        for name, value in usual.items():
            conf.set(name, value)
