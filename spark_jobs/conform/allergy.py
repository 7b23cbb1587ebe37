"""silver.allergy from FHIR AllergyIntolerance."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import ALLERGY, PATIENT
from lakehouse.terminology import NDC, RXNORM, SNOMED, npi_check_digit_ok, preferred
from spark_jobs.conform.parts import dated, finish, npi, reference_text, with_birth, years
from spark_jobs.job import Lookup, conforms

_WITHDRAWN = ("refuted", "entered-in-error")
_WORST_FIRST = ("severe", "moderate", "mild")
_RANGE = ("low", "high")

# What the allergy codes of FHIR's value set and of the International Patient Summary say in place of an allergy.
_NONE_KNOWN_SNOMED = ("716186003", "409137002", "429625007", "428607008")
_ABSENT = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
_NONE_KNOWN_ABSENT = (
    "no-known-allergies",
    "no-known-medication-allergies",
    "no-known-food-allergies",
    "no-known-environmental-allergies",
)


def _is_none_known(codes: Column) -> Column:
    def says_so(coding: Column) -> Column:
        snomed = coding["system"].isin(*SNOMED) & coding["code"].isin(*_NONE_KNOWN_SNOMED)
        absent = (coding["system"] == _ABSENT) & coding["code"].isin(*_NONE_KNOWN_ABSENT)
        return F.coalesce(snomed | absent, F.lit(False))

    return F.coalesce(F.exists(codes, says_so), F.lit(False))


def _rated(codes: Column, severity: str | None) -> Column:
    """Codings with the severity of their reaction."""
    fields = ("system", "code", "display")
    level = F.lit(severity).cast("string").alias("severity")
    return F.transform(codes, lambda coding: F.struct(*(coding[f].alias(f) for f in fields), level))


def _reactions(rows: DataFrame) -> dict[str, Column]:
    rated = [_rated(rows[f"{severity}_codes"], severity) for severity in _WORST_FIRST]
    worst = F.coalesce(*(F.when(F.array_contains(rows["severities"], s), s) for s in _WORST_FIRST))
    return {
        "reactions": F.concat(*rated, _rated(rows["unrated_codes"], None)),
        "reaction_severity": worst,
        "reaction_texts": F.concat(rows["manifestation_texts"], rows["reaction_descriptions"]),
        "_severities": rows["severities"],
    }


@conforms(view="allergy", writes=ALLERGY, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def allergy(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row an allergy or intolerance."""
    onset = F.coalesce(rows["onset_date_time"], rows["onset_start"])
    onset_written = F.coalesce(rows["onset_date_time_text"], rows["onset_start_text"])
    age = years(rows["onset_age"], rows["onset_age_code"], rows["onset_age_unit"])
    low, high = (years(rows[f"onset_{end}"], rows["onset_range_code"], rows["onset_range_unit"]) for end in _RANGE)
    columns = {
        "patient_reference": reference_text(rows, "patient"),
        "encounter_reference": reference_text(rows, "encounter"),
        "is_withdrawn": F.coalesce(rows["verification_status"].isin(*_WITHDRAWN), F.lit(False)),
        "is_none_known": _is_none_known(rows["codes"]),
        "rxnorm_code": preferred(rows["codes"], RXNORM),
        "ndc_code": preferred(rows["codes"], NDC),
        "snomed_code": preferred(rows["codes"], SNOMED),
        **dated("onset", onset, onset_written),
        "onset_age_years": F.coalesce(age, low),
        "onset_age_high_years": high,
        **dated("last_occurred", rows["last_occurred_at"], rows["last_occurred_at_text"]),
        **dated("recorded", rows["recorded_at"], rows["recorded_at_text"]),
        "recorder_reference": reference_text(rows, "recorder"),
        "recorder_npi": npi(rows, "recorder"),
        "asserter_reference": reference_text(rows, "asserter"),
        **_reactions(rows),
    }
    shaped = rows.withColumns(columns).withColumn("_recorder_npi_ok", npi_check_digit_ok(F.col("recorder_npi")))
    return finish(
        with_birth(shaped, patients),
        ALLERGY,
        "_birth_on",
        "_onset_earliest",
        "_onset_latest",
        "_last_occurred_latest",
        "_recorded_latest",
        "_severities",
        "_recorder_npi_ok",
    )
