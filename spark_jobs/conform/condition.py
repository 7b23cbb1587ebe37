"""silver.condition from FHIR Condition."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import CONDITION, PATIENT
from lakehouse.terminology import (
    ICD9CM,
    ICD10,
    ICD10CM,
    SNOMED,
    icd10_dotted,
    npi_check_digit_ok,
    preferred,
    with_icd10cm_known,
)
from spark_jobs.conform.parts import earliest, finish, latest, npi, precision, reference_text, with_birth, years
from spark_jobs.job import Lookup, conforms

_NOT_SO = ("refuted", "entered-in-error")


def _age(rows: DataFrame, event: str) -> Column:
    of_age = years(rows[f"{event}_age"], rows[f"{event}_age_code"], rows[f"{event}_age_unit"])
    of_range = years(rows[f"{event}_low"], rows[f"{event}_range_code"], rows[f"{event}_range_unit"])
    return F.coalesce(of_age, of_range)


def _age_high(rows: DataFrame, event: str) -> Column:
    return years(rows[f"{event}_high"], rows[f"{event}_range_code"], rows[f"{event}_range_unit"])


def _first(rows: DataFrame, *names: str) -> Column:
    return F.coalesce(*(rows[name] for name in names))


@conforms(view="condition", writes=CONDITION, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def condition(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row a condition."""
    onset = _first(rows, "onset_date_time", "onset_start")
    onset_written = _first(rows, "onset_date_time_text", "onset_start_text")
    abated = _first(rows, "abatement_date_time", "abatement_end", "abatement_start")
    abated_written = _first(rows, "abatement_date_time_text", "abatement_end_text", "abatement_start_text")
    columns = {
        "patient_reference": reference_text(rows, "patient"),
        "encounter_reference": reference_text(rows, "encounter"),
        "is_asserted": F.coalesce(~rows["verification_status"].isin(*_NOT_SO), F.lit(True)),
        "icd10cm_code": icd10_dotted(preferred(rows["codes"], ICD10CM)),
        "icd10_code": icd10_dotted(preferred(rows["codes"], ICD10)),
        "icd9cm_code": preferred(rows["codes"], ICD9CM),
        "snomed_code": preferred(rows["codes"], SNOMED),
        "onset_at": onset,
        "onset_precision": precision(onset_written),
        "onset_age_years": _age(rows, "onset"),
        "onset_age_high_years": _age_high(rows, "onset"),
        "abated_at": abated,
        "abated_precision": precision(abated_written),
        "abated_age_years": _age(rows, "abatement"),
        "abated_age_high_years": _age_high(rows, "abatement"),
        "recorded_precision": precision(rows["recorded_at_text"]),
        "recorder_reference": reference_text(rows, "recorder"),
        "recorder_npi": npi(rows, "recorder"),
        "_onset_earliest": earliest(onset, onset_written),
        "_onset_latest": latest(onset, onset_written),
        "_abated_latest": latest(abated, abated_written),
        "_recorded_latest": latest(rows["recorded_at"], rows["recorded_at_text"]),
    }
    shaped = rows.withColumns(columns).withColumn("_recorder_npi_ok", npi_check_digit_ok(F.col("recorder_npi")))
    return finish(
        with_icd10cm_known(with_birth(shaped, patients)),
        CONDITION,
        "_birth_on",
        "_onset_earliest",
        "_onset_latest",
        "_abated_latest",
        "_recorded_latest",
        "_recorder_npi_ok",
        "_icd10cm_known",
    )
