"""silver.encounter from FHIR Encounter."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import ENCOUNTER, PATIENT
from lakehouse.terminology import first_code, npi_check_digit_ok, preferred
from spark_jobs.conform.naming import identifiers
from spark_jobs.conform.parts import earliest, finish, latest, minutes, npi, precision, reference_text, with_birth
from spark_jobs.job import Lookup, conforms

_DIAGNOSIS_ROLE = ("http://terminology.hl7.org/CodeSystem/diagnosis-role",)


def _practitioner(rows: DataFrame, of_main: Column, of_first: Column) -> Column:
    """The attending or primary performer's value where there is one at all, else the first participant's."""
    there = [rows[f"main_{part}"].isNotNull() for part in ("id", "ref", "ref_value")]
    return F.when(there[0] | there[1] | there[2], of_main).otherwise(of_first)


def _diagnosis(written: Column) -> Column:
    """One diagnosis with its role: of FHIR's own code system where it has such a coding, else its first one."""
    role = F.coalesce(preferred(written["use_codes"], _DIAGNOSIS_ROLE), first_code(written["use_codes"]))
    return F.struct(
        written["condition_id"].alias("condition_id"),
        reference_text(written, "condition").alias("condition_reference"),
        role.alias("use_code"),
        written["use_codes"].alias("use_codes"),
        written["rank"].alias("rank"),
    )


def _location(written: Column) -> Column:
    """One place where the person was."""
    return F.struct(
        written["location_id"].alias("location_id"),
        reference_text(written, "location").alias("location_reference"),
        written["status"].alias("status"),
        written["started_at"].alias("started_at"),
        precision(written["started_at_text"]).alias("started_precision"),
        written["ended_at"].alias("ended_at"),
        precision(written["ended_at_text"]).alias("ended_precision"),
    )


@conforms(view="encounter", writes=ENCOUNTER, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def encounter(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row an encounter."""
    columns = {
        "identifiers": identifiers(rows, "encounter_id"),
        "patient_reference": reference_text(rows, "patient"),
        "started_precision": precision(rows["started_at_text"]),
        "ended_precision": precision(rows["ended_at_text"]),
        "length_minutes": minutes(rows["length_value"], rows["length_code"], rows["length_unit"]),
        "diagnoses": F.transform("written_diagnoses", _diagnosis),
        "practitioner_id": _practitioner(rows, rows["main_id"], rows["first_id"]),
        "practitioner_reference": _practitioner(rows, reference_text(rows, "main"), reference_text(rows, "first")),
        "practitioner_npi": _practitioner(rows, npi(rows, "main"), npi(rows, "first")),
        "organization_reference": reference_text(rows, "organization"),
        "location_reference": reference_text(rows, "location"),
        "locations": F.transform("written_locations", _location),
        "admit_source_code": first_code(rows["admit_source_codes"]),
        "discharge_disposition_code": first_code(rows["discharge_disposition_codes"]),
        "part_of_encounter_reference": reference_text(rows, "part_of_encounter"),
        "_started_earliest": earliest(rows["started_at"], rows["started_at_text"]),
        "_started_latest": latest(rows["started_at"], rows["started_at_text"]),
        "_ended_latest": latest(rows["ended_at"], rows["ended_at_text"]),
    }
    shaped = rows.withColumns(columns).withColumn("_practitioner_npi_ok", npi_check_digit_ok(F.col("practitioner_npi")))
    return finish(
        with_birth(shaped, patients),
        ENCOUNTER,
        "_birth_on",
        "_started_earliest",
        "_started_latest",
        "_ended_latest",
        "_practitioner_npi_ok",
    )
