"""Silver: one clean row an entity, typed, coded, keyed, latest version; each table's module holds its declaration."""

from catalog.tables.silver_condition import CONDITION
from catalog.tables.silver_patient import ENCOUNTER, PATIENT

__all__ = ["CONDITION", "ENCOUNTER", "PATIENT"]
