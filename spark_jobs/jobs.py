"""All jobs, in an order that a reader follows; who waits for whom is told by what they read."""

from spark_jobs.conform.adverse_event import adverse_event
from spark_jobs.conform.allergy import allergy
from spark_jobs.conform.appointment import appointment
from spark_jobs.conform.care_plan import care_plan
from spark_jobs.conform.claim import claim
from spark_jobs.conform.claim_line import claim_line
from spark_jobs.conform.condition import condition
from spark_jobs.conform.coverage import coverage
from spark_jobs.conform.device import device
from spark_jobs.conform.diagnostic_report import diagnostic_report
from spark_jobs.conform.document import document
from spark_jobs.conform.encounter import encounter
from spark_jobs.conform.imaging_study import imaging_study
from spark_jobs.conform.immunization import immunization
from spark_jobs.conform.lab_result import lab_result
from spark_jobs.conform.location import location
from spark_jobs.conform.medication import medication
from spark_jobs.conform.medication_administration import medication_administration
from spark_jobs.conform.medication_request import medication_request
from spark_jobs.conform.observation import observation
from spark_jobs.conform.organization import organization
from spark_jobs.conform.patient import patient
from spark_jobs.conform.practitioner import practitioner
from spark_jobs.conform.procedure import procedure
from spark_jobs.conform.survey_response import survey_response
from spark_jobs.conform.vital_sign import vital_sign
from spark_jobs.job import Job
from spark_jobs.mart import Mart
from spark_jobs.marts.daily_census import daily_census
from spark_jobs.marts.encounter_fact import encounter_fact
from spark_jobs.marts.identifier import identifier
from spark_jobs.marts.observation_daily import observation_daily
from spark_jobs.marts.patient_summary import patient_summary
from spark_jobs.marts.person import person
from spark_jobs.marts.readmission import readmission
from spark_jobs.marts.reference import reference

JOBS: tuple[Job, ...] = (
    organization,
    practitioner,
    location,
    patient,
    medication,
    encounter,
    condition,
    lab_result,
    vital_sign,
    observation,
    medication_request,
    procedure,
    appointment,
    coverage,
    claim,
    claim_line,
    medication_administration,
    immunization,
    allergy,
    adverse_event,
    care_plan,
    diagnostic_report,
    document,
    survey_response,
    imaging_study,
    device,
)
"""From FHIR to silver."""

MARTS: tuple[Mart, ...] = (
    encounter_fact,
    patient_summary,
    readmission,
    daily_census,
    observation_daily,
    identifier,
    reference,
    person,
)
"""From silver to gold."""

ALL: tuple[Job | Mart, ...] = (*JOBS, *MARTS)
