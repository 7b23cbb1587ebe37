"""All jobs, in an order that a reader follows; who waits for whom is told by their lookups."""

from spark_jobs.conform.condition import condition
from spark_jobs.conform.encounter import encounter
from spark_jobs.conform.patient import patient
from spark_jobs.job import Job

JOBS: tuple[Job, ...] = (patient, encounter, condition)
