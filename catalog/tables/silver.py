"""Silver: one clean row an entity, typed, coded, keyed, latest version; a module for each subject.

Their tables stand here in the order in which one reads them.
"""

from catalog.tables.silver_patient import PATIENT, ENCOUNTER  # isort: skip
from catalog.tables.silver_condition import CONDITION, PROCEDURE  # isort: skip
from catalog.tables.silver_observation import LAB_RESULT, VITAL_SIGN  # isort: skip
from catalog.tables.silver_medication import MEDICATION, MEDICATION_REQUEST  # isort: skip
from catalog.tables.silver_directory import ORGANIZATION, PRACTITIONER, LOCATION  # isort: skip
from catalog.tables.silver_appointment import APPOINTMENT  # isort: skip
from catalog.tables.silver_coverage import COVERAGE  # isort: skip
from catalog.tables.silver_claim import CLAIM, CLAIM_LINE  # isort: skip

__all__ = [
    "APPOINTMENT",
    "CLAIM",
    "CLAIM_LINE",
    "CONDITION",
    "COVERAGE",
    "ENCOUNTER",
    "LAB_RESULT",
    "LOCATION",
    "MEDICATION",
    "MEDICATION_REQUEST",
    "ORGANIZATION",
    "PATIENT",
    "PRACTITIONER",
    "PROCEDURE",
    "VITAL_SIGN",
]
