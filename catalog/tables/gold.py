"""Gold: facts and summaries for analysts, outcome measures; a module for each subject.

Their tables stand here in the order in which one reads them.
"""

from catalog.tables.gold_encounter import ENCOUNTER_FACT, READMISSION  # isort: skip
from catalog.tables.gold_patient import PATIENT_SUMMARY  # isort: skip
from catalog.tables.gold_daily import DAILY_CENSUS, OBSERVATION_DAILY  # isort: skip
from catalog.tables.gold_person import PERSON, IDENTIFIER, REFERENCE  # isort: skip

__all__ = [
    "DAILY_CENSUS",
    "ENCOUNTER_FACT",
    "IDENTIFIER",
    "OBSERVATION_DAILY",
    "PATIENT_SUMMARY",
    "PERSON",
    "READMISSION",
    "REFERENCE",
]
