"""Column lineage, read off the analysed plan of a DataFrame: metadata alone, nothing is executed."""

from lakehouse.lineage.plan import Relation, trace
from lakehouse.lineage.read import plan_of
from lakehouse.lineage.value import Value, made_of

__all__ = ["Relation", "Value", "made_of", "plan_of", "trace"]
