"""silver.patient from FHIR Patient."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import PATIENT
from spark_jobs.conform.parts import finish, latest, precision, reference_text
from spark_jobs.job import conforms

_IDENTIFIER = "struct<system:string,value:string>"


def _identifiers(rows: DataFrame) -> Column:
    named = F.zip_with(
        rows["identifier_systems"],
        rows["identifier_values"],
        lambda system, value: F.struct(system.alias("system"), value.alias("value")),
    )
    bare = F.transform(
        rows["bare_identifiers"], lambda v: F.struct(F.lit(None).cast("string").alias("system"), v.alias("value"))
    )
    none = F.array().cast(f"array<{_IDENTIFIER}>")
    return F.when(rows["patient_id"].isNotNull(), F.concat(F.coalesce(named, none), F.coalesce(bare, none)))


def _name(rows: DataFrame, part: str) -> Column:
    """A part of one name: the official one, else the usual one, else the first; never mixed from several."""
    choice = F.lit(None).cast(rows.schema[f"first_{part}"].dataType)
    for kind in ("first", "usual", "official"):
        given = F.coalesce(F.size(f"{kind}_given") > 0, F.lit(False))
        there = rows[f"{kind}_family"].isNotNull() | given | rows[f"{kind}_text"].isNotNull()
        choice = F.when(there, rows[f"{kind}_{part}"]).otherwise(choice)
    return choice


def _category(codes: Column, text: Column, several: str) -> Column:
    one = F.get(codes, F.lit(0))
    return F.when(F.size(codes) > 1, several).otherwise(F.coalesce(one["display"], text, one["code"]))


@conforms(view="patient", writes=PATIENT)
def patient(rows: DataFrame) -> DataFrame:
    """One row a patient record."""
    death_known = rows["deceased_at"].isNotNull()
    columns = {
        "identifiers": _identifiers(rows),
        "family_name": _name(rows, "family"),
        "given_names": _name(rows, "given"),
        "name_text": _name(rows, "text"),
        "birth_precision": precision(rows["birth_text"]),
        "sex_code": rows["individual_sex"],
        "race": _category(rows["race_codes"], rows["race_text"], "Two or more races"),
        "ethnicity": _category(rows["ethnicity_codes"], rows["ethnicity_text"], "Two or more categories"),
        "is_deceased": death_known | F.coalesce(rows["deceased_boolean"], F.lit(False)),
        "deceased_precision": precision(rows["deceased_at_text"]),
        "language_code": F.coalesce(rows["preferred_language"], rows["first_language"]),
        "organization_reference": reference_text(rows, "organization"),
        "_deceased_latest": latest(rows["deceased_at"], rows["deceased_at_text"]),
    }
    return finish(rows.withColumns(columns), PATIENT, "_deceased_latest")
