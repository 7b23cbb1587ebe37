"""silver.survey_response from FHIR QuestionnaireResponse."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import PATIENT, SURVEY_RESPONSE
from lakehouse.terminology import npi_check_digit_ok
from spark_jobs.conform.parts import (
    finish,
    latest,
    npi,
    precision,
    reference_text,
    reference_written,
    with_birth,
)
from spark_jobs.job import Lookup, conforms


def _is_self_reported(rows: DataFrame) -> Column:
    """Whether the person answered; an author alone settles it only if it is the person: others may write for them."""
    known = rows["patient_id"].isNotNull()
    by_source = F.coalesce(rows["source_patient_id"] == rows["patient_id"], F.lit(False))
    by_author = rows["author_patient_id"] == rows["patient_id"]
    has_source = reference_written(rows, "source").isNotNull()
    return F.when(known & has_source, by_source).when(known & by_author, F.lit(True))


def _value_type(rows: DataFrame) -> Column:
    """The FHIR type of the answer, by which element of the choice is there."""
    types = {
        "boolean": rows["value_boolean"].isNotNull(),
        "decimal": rows["value_decimal"].isNotNull(),
        "integer": rows["value_integer"].isNotNull(),
        "date": rows["value_date_text"].isNotNull(),
        "dateTime": rows["value_date_time_text"].isNotNull(),
        "time": rows["value_time"].isNotNull(),
        "string": rows["value_string"].isNotNull(),
        "uri": rows["value_uri"].isNotNull(),
        "Attachment": rows["has_attachment"],
        "Coding": F.size(rows["value_codes"]) > 0,
        "Quantity": rows["quantity"].isNotNull(),
        "Reference": reference_written(rows, "value").isNotNull(),
    }
    return F.coalesce(*(F.when(is_there, name) for name, is_there in types.items()))


def _values(rows: DataFrame) -> dict[str, Column]:
    written = F.coalesce(rows["value_date_time_text"], rows["value_date_text"])
    return {
        "value_type": _value_type(rows),
        "value": F.coalesce(rows["value_decimal"], rows["value_integer"].cast("double"), rows["quantity"]),
        "value_unit": F.coalesce(rows["quantity_code"], rows["quantity_unit"]),
        "value_comparator": rows["comparator"],
        "value_text": rows["value_string"],
        "value_at": F.coalesce(rows["value_date_time"], rows["value_date"]),
        "value_precision": precision(written),
        "value_reference": reference_written(rows, "value"),
    }


@conforms(view="survey_response", writes=SURVEY_RESPONSE, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def survey_response(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row an answer."""
    canonical = rows["questionnaire"]
    version = F.when(F.contains(canonical, F.lit("|")), F.substring_index(canonical, "|", -1))
    columns = {
        "patient_reference": reference_text(rows, "patient"),
        "encounter_reference": reference_text(rows, "encounter"),
        "is_withdrawn": F.coalesce(rows["status"] == "entered-in-error", F.lit(False)),
        "questionnaire": F.coalesce(F.substring_index(canonical, "|", 1), rows["questionnaire_uri"]),
        "questionnaire_version": version,
        "authored_precision": precision(rows["authored_at_text"]),
        "author_reference": reference_text(rows, "author"),
        "author_npi": npi(rows, "author"),
        "source_reference": reference_text(rows, "source"),
        "is_self_reported": _is_self_reported(rows),
        **_values(rows),
        "_authored_latest": latest(rows["authored_at"], rows["authored_at_text"]),
    }
    shaped = rows.withColumns(columns).withColumn("_author_npi_ok", npi_check_digit_ok(F.col("author_npi")))
    return finish(with_birth(shaped, patients), SURVEY_RESPONSE, "_birth_on", "_authored_latest", "_author_npi_ok")
