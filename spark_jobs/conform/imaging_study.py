"""silver.imaging_study from FHIR ImagingStudy."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import IMAGING_STUDY, PATIENT
from lakehouse.terminology import CPT, LOINC, SNOMED, first_code, npi_check_digit_ok, preferred
from spark_jobs.conform.parts import finish, latest, npi, precision, reference_text, with_birth
from spark_jobs.job import Lookup, conforms

_OID = "urn:oid:"
_WITHDRAWN = ("cancelled", "entered-in-error")


def _study_uid(rows: DataFrame) -> Column:
    """The identifier in DICOM's system, else the first one that is a bare OID, as FHIR's earlier versions had it."""
    oids = F.filter(rows["uri_identifiers"], lambda value: F.startswith(value, F.lit(_OID)))
    found = F.coalesce(rows["dicom_identifier"], F.get(oids, F.lit(0)))
    return F.regexp_replace(found, f"^{_OID}", "")


def _uid_ok(uid: Column) -> Column:
    """Digits in parts without leading zeros, at most 64 characters (DICOM PS3.5, section 9.1)."""
    return uid.rlike(r"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+$") & (F.length(uid) <= 64)


def _counts(rows: DataFrame) -> dict[str, Column]:
    series = F.size(rows["series_uids"])
    listed = F.when(series > 0, series)
    images = rows["series_instance_counts"]
    # A sum over series of which one says nothing would be too small.
    whole = (series > 0) & (F.size(images) == series)
    summed = F.when(whole, F.aggregate(images, F.lit(0), lambda total, count: total + count))
    return {
        "series_count": F.coalesce(rows["number_of_series"], listed),
        "instance_count": F.coalesce(rows["number_of_instances"], summed),
        "_series_agree": rows["number_of_series"] == listed,
        "_instances_agree": rows["number_of_instances"] == summed,
    }


@conforms(view="imaging_study", writes=IMAGING_STUDY, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def imaging_study(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row a study."""
    modalities = F.array_distinct(F.concat(rows["modality_codes"], rows["series_modalities"]))
    columns = {
        "patient_reference": reference_text(rows, "patient"),
        "encounter_reference": reference_text(rows, "encounter"),
        "is_withdrawn": F.coalesce(rows["status"].isin(*_WITHDRAWN), F.lit(False)),
        "study_uid": _study_uid(rows),
        "started_precision": precision(rows["started_at_text"]),
        "modality_codes": modalities,
        "modality_code": first_code(modalities),
        "snomed_code": preferred(rows["procedure_codes"], SNOMED),
        "loinc_code": preferred(rows["procedure_codes"], LOINC),
        "cpt_code": preferred(rows["procedure_codes"], CPT),
        "procedure_reference": reference_text(rows, "procedure"),
        "body_site_codes": F.array_distinct(rows["body_site_codes"]),
        "laterality_codes": F.array_distinct(rows["laterality_codes"]),
        **_counts(rows),
        "referrer_reference": reference_text(rows, "referrer"),
        "referrer_npi": npi(rows, "referrer"),
        "interpreter_reference": reference_text(rows, "interpreter"),
        "interpreter_npi": npi(rows, "interpreter"),
        "location_reference": reference_text(rows, "location"),
        "_started_latest": latest(rows["started_at"], rows["started_at_text"]),
    }
    shaped = rows.withColumns(columns).withColumns(
        {
            "_study_uid_ok": _uid_ok(F.col("study_uid")),
            "_referrer_npi_ok": npi_check_digit_ok(F.col("referrer_npi")),
            "_interpreter_npi_ok": npi_check_digit_ok(F.col("interpreter_npi")),
        }
    )
    return finish(
        with_birth(shaped, patients),
        IMAGING_STUDY,
        "_birth_on",
        "_started_latest",
        "_study_uid_ok",
        "_series_agree",
        "_instances_agree",
        "_referrer_npi_ok",
        "_interpreter_npi_ok",
    )
