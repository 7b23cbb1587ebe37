"""The medicine of an order or an administration: its own codes, or those of the medicine that it refers to."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.terminology import NDC, RXNORM, preferred

MEDICINE = ("codes", "code_text", "rxnorm_code", "ndc_code")
"""The columns of silver.medication to look up."""


def with_medicine(rows: DataFrame, medications: DataFrame) -> DataFrame:
    """`rows` with the columns MEDICINE, from `codes`, `code_text`, `medication_id` and `medication_display`.

    What a referenced medicine is comes from `medications`, null until it is there; row count unchanged.
    """
    found = medications.select("medication_id", *(F.col(name).alias(f"_{name}") for name in MEDICINE))
    joined = rows.join(found, on="medication_id", how="left")
    has_own = F.size(F.col("codes")) > 0
    return joined.withColumns(
        {
            "rxnorm_code": F.when(has_own, preferred(F.col("codes"), RXNORM)).otherwise(F.col("_rxnorm_code")),
            "ndc_code": F.when(has_own, preferred(F.col("codes"), NDC)).otherwise(F.col("_ndc_code")),
            "code_text": F.coalesce(F.col("code_text"), F.col("_code_text"), F.col("medication_display")),
        }
    ).withColumn("codes", F.when(has_own, F.col("codes")).otherwise(F.col("_codes")))
