"""silver.document from FHIR DocumentReference."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import DOCUMENT, PATIENT
from lakehouse.terminology import LOINC, first_code, npi_check_digit_ok, preferred
from spark_jobs.conform.attachments import binary, decoded, is_text, sha1_base64
from spark_jobs.conform.parts import earliest, finish, latest, npi, precision, reference_text, with_birth
from spark_jobs.job import Lookup, conforms


def _is_withdrawn(rows: DataFrame) -> Column:
    wrong = F.lit("entered-in-error")
    return F.coalesce(rows["status"] == wrong, F.lit(False)) | F.coalesce(rows["doc_status"] == wrong, F.lit(False))


def _with_text(rows: DataFrame) -> DataFrame:
    """`rows` with note_text, what is to be said of the data, and helpers for the row rules."""
    has_data = F.coalesce(F.length(F.trim(rows["data"])) > 0, F.lit(False))
    read = rows.withColumn("_has_data", has_data).withColumn("_bytes", F.when(has_data, binary(rows["data"])))
    read = read.withColumn("note_text", decoded(F.col("content_type"), F.col("_bytes")))
    is_read = F.col("note_text").isNotNull()
    length = F.length("_bytes")
    return read.withColumns(
        {
            "has_binary": F.col("_has_data") & ~is_read,
            "_text_is_readable": F.when(is_text(F.col("content_type")) & F.col("_has_data"), is_read),
            "_size_agrees": F.col("size_bytes") == length,
            "_hash_agrees": F.col("hash") == sha1_base64(F.col("_bytes")),
            "size_bytes": F.coalesce(F.col("size_bytes"), length),
        }
    )


@conforms(view="document", writes=DOCUMENT, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def document(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row a content of a document."""
    columns = {
        "patient_reference": reference_text(rows, "patient"),
        "encounter_reference": reference_text(rows, "encounter"),
        "is_withdrawn": _is_withdrawn(rows),
        "loinc_code": preferred(rows["type_codes"], LOINC),
        "category_code": first_code(rows["category_codes"]),
        "service_started_precision": precision(rows["service_started_at_text"]),
        "service_ended_precision": precision(rows["service_ended_at_text"]),
        "author_reference": reference_text(rows, "author"),
        "author_npi": npi(rows, "author"),
        "author_references": rows["author_refs"],
        "authenticator_reference": reference_text(rows, "authenticator"),
        "custodian_reference": reference_text(rows, "custodian"),
        "created_precision": precision(rows["created_at_text"]),
        "_recorded_latest": latest(rows["recorded_at"], rows["recorded_at_text"]),
        "_service_started_earliest": earliest(rows["service_started_at"], rows["service_started_at_text"]),
        "_service_ended_latest": latest(rows["service_ended_at"], rows["service_ended_at_text"]),
    }
    shaped = rows.withColumns(columns).withColumn("_author_npi_ok", npi_check_digit_ok(F.col("author_npi")))
    return finish(
        with_birth(_with_text(shaped), patients),
        DOCUMENT,
        "_birth_on",
        "_recorded_latest",
        "_service_started_earliest",
        "_service_ended_latest",
        "_has_data",
        "_text_is_readable",
        "_size_agrees",
        "_hash_agrees",
        "_author_npi_ok",
    )
