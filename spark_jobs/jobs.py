"""All jobs, in an order that a reader follows; who waits for whom is told by their lookups."""

from spark_jobs.conform.condition import condition
from spark_jobs.conform.device import device
from spark_jobs.conform.document import document
from spark_jobs.conform.encounter import encounter
from spark_jobs.conform.imaging_study import imaging_study
from spark_jobs.conform.lab_result import lab_result
from spark_jobs.conform.medication import medication
from spark_jobs.conform.medication_request import medication_request
from spark_jobs.conform.observation import observation
from spark_jobs.conform.patient import patient
from spark_jobs.conform.procedure import procedure
from spark_jobs.conform.survey_response import survey_response
from spark_jobs.conform.vital_sign import vital_sign
from spark_jobs.job import Job

JOBS: tuple[Job, ...] = (
    patient,
    medication,
    encounter,
    condition,
    lab_result,
    vital_sign,
    observation,
    medication_request,
    procedure,
    document,
    survey_response,
    imaging_study,
    device,
)
