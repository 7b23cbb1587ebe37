"""silver.claim from FHIR Claim."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import CLAIM, PATIENT
from lakehouse.terminology import ICD10CM, first_code, icd10_dotted, npi_check_digit_ok, preferred, with_icd10cm_known
from spark_jobs.conform.money import amount, amounts_fit
from spark_jobs.conform.naming import identifiers, told_apart
from spark_jobs.conform.parts import earliest, finish, latest, npi, precision, reference_text, with_birth
from spark_jobs.job import Lookup, conforms

_COVERAGE = ("coverage_id", "coverage_ref", "coverage_ref_system", "coverage_ref_value", "coverage_text")


def _coverage(rows: DataFrame) -> dict[str, Column]:
    """The parts of the coverage that the claim calls focal where there is one, else of the first; never mixed."""
    is_focal = F.coalesce(*(rows[f"focal_{part}"] for part in _COVERAGE)).isNotNull()
    return {part: F.when(is_focal, rows[f"focal_{part}"]).otherwise(rows[f"first_{part}"]) for part in _COVERAGE}


def _provider(rows: DataFrame) -> dict[str, Column]:
    organization, practitioner = rows["provider_organization_key"], rows["provider_practitioner_key"]
    organization_id = told_apart(organization, practitioner)
    practitioner_id = told_apart(practitioner, organization)
    return {
        "provider_organization_id": organization_id,
        "provider_practitioner_id": practitioner_id,
        "provider_id": F.coalesce(organization_id, practitioner_id),
        "provider_npi": npi(rows, "provider"),
    }


def _diagnosis(rows: DataFrame) -> Column:
    choices = (rows["principal_codes"], rows["first_codes"], rows["diagnosis_codes"])
    return icd10_dotted(F.coalesce(*(preferred(codes, ICD10CM) for codes in choices)))


@conforms(view="claim", writes=CLAIM, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def claim(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row a claim."""
    found = rows.withColumns({**_coverage(rows), **_provider(rows)})
    started, started_text = found["billable_started_at"], found["billable_started_at_text"]
    columns = {
        "identifiers": identifiers(found, "claim_id"),
        "patient_reference": reference_text(found, "patient"),
        "type_code": first_code(found["type_codes"]),
        "billable_started_precision": precision(started_text),
        "billable_ended_precision": precision(found["billable_ended_at_text"]),
        "created_precision": precision(found["created_at_text"]),
        "insurer_reference": reference_text(found, "insurer"),
        "provider_reference": reference_text(found, "provider"),
        "location_reference": reference_text(found, "location"),
        "total_amount": amount(found, "total"),
        "coverage_reference": reference_text(found, "coverage"),
        "coverage_count": F.size(found["insurance_sequences"]),
        "encounter_reference": reference_text(found, "encounter"),
        "icd10cm_code": _diagnosis(found),
        "_billable_started_earliest": earliest(started, started_text),
        "_billable_started_latest": latest(started, started_text),
        "_billable_ended_latest": latest(found["billable_ended_at"], found["billable_ended_at_text"]),
        "_provider_npi_ok": npi_check_digit_ok(found["provider_npi"]),
        "_amounts_fit": amounts_fit(found, "total"),
    }
    return finish(
        with_icd10cm_known(with_birth(found.withColumns(columns), patients)),
        CLAIM,
        "_birth_on",
        "_billable_started_earliest",
        "_billable_started_latest",
        "_billable_ended_latest",
        "_provider_npi_ok",
        "_amounts_fit",
        "_icd10cm_known",
    )
