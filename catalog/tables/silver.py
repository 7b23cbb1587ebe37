"""Silver: one clean row an entity, typed, coded, keyed, latest version; a module for each subject.

Their tables stand here in the order in which one reads them.
"""

from catalog.tables.silver_patient import PATIENT, ENCOUNTER  # isort: skip
from catalog.tables.silver_condition import CONDITION, PROCEDURE  # isort: skip
from catalog.tables.silver_observation import LAB_RESULT, OBSERVATION, VITAL_SIGN  # isort: skip
from catalog.tables.silver_medication import MEDICATION, MEDICATION_REQUEST  # isort: skip
from catalog.tables.silver_document import DOCUMENT, SURVEY_RESPONSE  # isort: skip
from catalog.tables.silver_imaging import DEVICE, IMAGING_STUDY  # isort: skip

__all__ = [
    "CONDITION",
    "DEVICE",
    "DOCUMENT",
    "ENCOUNTER",
    "IMAGING_STUDY",
    "LAB_RESULT",
    "MEDICATION",
    "MEDICATION_REQUEST",
    "OBSERVATION",
    "PATIENT",
    "PROCEDURE",
    "SURVEY_RESPONSE",
    "VITAL_SIGN",
]
