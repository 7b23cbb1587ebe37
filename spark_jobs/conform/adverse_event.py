"""silver.adverse_event from FHIR AdverseEvent."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import ADVERSE_EVENT, PATIENT
from lakehouse.terminology import (
    ICD10CM,
    MEDDRA,
    SNOMED,
    first_code,
    icd10_dotted,
    npi_check_digit_ok,
    preferred,
    with_icd10cm_known,
)
from spark_jobs.conform.parts import dated, finish, npi, other_references, reference_text, with_birth
from spark_jobs.job import Lookup, conforms

_SUSPECTS = {
    "suspect_medication_ids": "Medication",
    "suspect_medication_administration_ids": "MedicationAdministration",
    "suspect_immunization_ids": "Immunization",
    "suspect_procedure_ids": "Procedure",
    "suspect_device_ids": "Device",
}


def _is_of(rows: DataFrame, resource_type: str, ident: Column) -> Column:
    """Whether a reference says that the record of this id is of the type: `urn:uuid:…` and `#…` do not."""
    marker = F.concat(F.lit(f"{resource_type}/"), ident)
    return F.exists(rows["suspect_refs"], lambda reference: F.contains(reference, marker))


def _is_contained_medicine(rows: DataFrame, ident: Column) -> Column:
    """Whether `Type/id#contained` is the id of a medicine that the event itself contains."""
    own = F.substring_index(ident, "#", -1)
    return F.contains(ident, F.lit("#")) & F.array_contains(rows["contained_medications"], own)


def _suspects(rows: DataFrame) -> dict[str, Column]:
    """A suspect is one of many types, so an id goes only where its reference says which."""

    def of_type(name: str, resource_type: str) -> Column:
        def is_sure(ident: Column) -> Column:
            literal = _is_of(rows, resource_type, ident)
            return literal | _is_contained_medicine(rows, ident) if resource_type == "Medication" else literal

        return F.filter(rows[name], is_sure)

    found = {name: of_type(name, resource_type) for name, resource_type in _SUSPECTS.items()}
    others = other_references(rows, "suspect", tuple(_SUSPECTS.values()), is_typed=False)
    medicines = F.transform(rows["contained_medications"], lambda ident: F.concat(F.lit("#"), ident))
    return {**found, "suspect_references": F.filter(others, lambda ref: ~F.array_contains(medicines, ref))}


def _graded(rows: DataFrame, name: str) -> Column:
    """The code in FHIR's own system, else the first coding's."""
    return F.coalesce(rows[f"{name}_own"], first_code(rows[f"{name}_codes"]))


def _is_serious(code: Column) -> Column:
    """`Serious` and its reasons (`SeriousResultsInDeath` …) against `Non-serious`; null for another system's code."""
    return F.when(F.startswith(code, F.lit("Serious")), True).when(code == "Non-serious", False)


@conforms(view="adverse_event", writes=ADVERSE_EVENT, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def adverse_event(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row an adverse event."""
    columns = {
        "patient_reference": reference_text(rows, "patient"),
        "encounter_reference": reference_text(rows, "encounter"),
        "meddra_code": preferred(rows["codes"], MEDDRA),
        "snomed_code": preferred(rows["codes"], SNOMED),
        "icd10cm_code": icd10_dotted(preferred(rows["codes"], ICD10CM)),
        **dated("occurred", rows["occurred_at"], rows["occurred_at_text"]),
        **dated("detected", rows["detected_at"], rows["detected_at_text"]),
        **dated("recorded", rows["recorded_at"], rows["recorded_at_text"]),
        "seriousness_code": _graded(rows, "seriousness"),
        "is_serious": _is_serious(rows["seriousness_own"]),
        "severity_code": _graded(rows, "severity"),
        "outcome_code": _graded(rows, "outcome"),
        **_suspects(rows),
        "location_reference": reference_text(rows, "location"),
        "recorder_reference": reference_text(rows, "recorder"),
        "recorder_npi": npi(rows, "recorder"),
    }
    shaped = rows.withColumns(columns).withColumn("_recorder_npi_ok", npi_check_digit_ok(F.col("recorder_npi")))
    return finish(
        with_icd10cm_known(with_birth(shaped, patients)),
        ADVERSE_EVENT,
        "_birth_on",
        "_occurred_earliest",
        "_occurred_latest",
        "_detected_latest",
        "_recorded_latest",
        "_recorder_npi_ok",
        "_icd10cm_known",
    )
