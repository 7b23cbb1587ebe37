"""All jobs, in an order that a reader follows; who waits for whom is told by their lookups."""

from spark_jobs.conform.adverse_event import adverse_event
from spark_jobs.conform.allergy import allergy
from spark_jobs.conform.care_plan import care_plan
from spark_jobs.conform.condition import condition
from spark_jobs.conform.diagnostic_report import diagnostic_report
from spark_jobs.conform.encounter import encounter
from spark_jobs.conform.immunization import immunization
from spark_jobs.conform.lab_result import lab_result
from spark_jobs.conform.medication import medication
from spark_jobs.conform.medication_administration import medication_administration
from spark_jobs.conform.medication_request import medication_request
from spark_jobs.conform.patient import patient
from spark_jobs.conform.procedure import procedure
from spark_jobs.conform.vital_sign import vital_sign
from spark_jobs.job import Job

JOBS: tuple[Job, ...] = (
    patient,
    medication,
    encounter,
    condition,
    lab_result,
    vital_sign,
    medication_request,
    procedure,
    medication_administration,
    immunization,
    allergy,
    adverse_event,
    care_plan,
    diagnostic_report,
)
