"""Amounts of money as exact decimals; the view gives `<name>_value` as FHIR's decimal."""

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver_claim import AMOUNT

_DIGITS = 4


def amount(rows: DataFrame, name: str) -> Column:
    """The amount, rounded half up to the column's digits; null if there is none, or it does not fit."""
    return F.round(rows[f"{name}_value"], _DIGITS).cast(AMOUNT.spark)


def amounts_fit(rows: DataFrame, *names: str) -> Column:
    """Whether no amount is lost for its size."""
    fits = [rows[f"{name}_value"].isNull() | amount(rows, name).isNotNull() for name in names]
    return reduce(lambda a, b: a & b, fits)
