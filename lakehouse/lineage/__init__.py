"""Column lineage, read off the analysed plan of a DataFrame: metadata alone, nothing is executed."""

from lakehouse.lineage.plan import Relation, trace
from lakehouse.lineage.read import plan_of
from lakehouse.lineage.value import Value, made_of, merged, put_in, stand_in

__all__ = ["Relation", "Value", "made_of", "merged", "plan_of", "put_in", "stand_in", "trace"]
