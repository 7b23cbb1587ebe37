"""Silver: one clean row an entity, typed, coded, keyed, latest version; a module for each subject.

Their tables stand here in the order in which one reads them.
"""

from catalog.tables.silver_patient import PATIENT, ENCOUNTER  # isort: skip
from catalog.tables.silver_condition import CONDITION, PROCEDURE  # isort: skip
from catalog.tables.silver_observation import LAB_RESULT, OBSERVATION, VITAL_SIGN  # isort: skip
from catalog.tables.silver_medication import MEDICATION, MEDICATION_REQUEST  # isort: skip
from catalog.tables.silver_directory import ORGANIZATION, PRACTITIONER, LOCATION  # isort: skip
from catalog.tables.silver_appointment import APPOINTMENT  # isort: skip
from catalog.tables.silver_coverage import COVERAGE  # isort: skip
from catalog.tables.silver_claim import CLAIM, CLAIM_LINE  # isort: skip
from catalog.tables.silver_administration import IMMUNIZATION, MEDICATION_ADMINISTRATION  # isort: skip
from catalog.tables.silver_allergy import ALLERGY  # isort: skip
from catalog.tables.silver_adverse_event import ADVERSE_EVENT  # isort: skip
from catalog.tables.silver_care_plan import CARE_PLAN  # isort: skip
from catalog.tables.silver_diagnostic_report import DIAGNOSTIC_REPORT  # isort: skip
from catalog.tables.silver_document import DOCUMENT, SURVEY_RESPONSE  # isort: skip
from catalog.tables.silver_imaging import DEVICE, IMAGING_STUDY  # isort: skip

__all__ = [
    "ADVERSE_EVENT",
    "ALLERGY",
    "APPOINTMENT",
    "CARE_PLAN",
    "CLAIM",
    "CLAIM_LINE",
    "CONDITION",
    "COVERAGE",
    "DEVICE",
    "DIAGNOSTIC_REPORT",
    "DOCUMENT",
    "ENCOUNTER",
    "IMAGING_STUDY",
    "IMMUNIZATION",
    "LAB_RESULT",
    "LOCATION",
    "MEDICATION",
    "MEDICATION_ADMINISTRATION",
    "MEDICATION_REQUEST",
    "OBSERVATION",
    "ORGANIZATION",
    "PATIENT",
    "PRACTITIONER",
    "PROCEDURE",
    "SURVEY_RESPONSE",
    "VITAL_SIGN",
]
