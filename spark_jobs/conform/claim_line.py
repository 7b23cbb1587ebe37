"""silver.claim_line from the items of FHIR Claim."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import CLAIM_LINE, PATIENT
from lakehouse.terminology import CPT, HCPCS, NDC, first_code, icd10_dotted, preferred
from spark_jobs.conform.money import amount, amounts_fit
from spark_jobs.conform.parts import earliest, finish, latest, precision, reference_text, with_birth
from spark_jobs.job import Lookup, conforms


def _icd10cm_codes(rows: DataFrame) -> Column:
    """Codes of the diagnoses that a line points to.

    The view gives the numbers of the diagnoses that have an ICD-10-CM code, and all those codes. As many of one as of
    the other: each such diagnosis has exactly one, so they stand side by side. A diagnosis without such a code leaves
    the answer open, and so the whole is null.
    """
    sequences, values, wanted = rows["icd10cm_sequences"], rows["icd10cm_values"], rows["diagnosis_sequences"]
    pairs = F.arrays_zip(sequences.alias("sequence"), values.alias("code"))
    chosen = F.filter(pairs, lambda pair: F.array_contains(wanted, pair["sequence"]))
    is_known = (F.size(sequences) == F.size(values)) & (F.size(F.array_except(wanted, sequences)) == 0)
    return F.when(is_known & (F.size(wanted) > 0), F.transform(chosen, lambda pair: icd10_dotted(pair["code"])))


def _amounts(rows: DataFrame) -> dict[str, Column]:
    return {
        "unit_price_amount": amount(rows, "unit_price"),
        "net_amount": amount(rows, "net"),
        "_amounts_fit": amounts_fit(rows, "unit_price", "net"),
    }


@conforms(view="claim_line", writes=CLAIM_LINE, lookups=(Lookup("patients", PATIENT, ("birth_on",)),))
def claim_line(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """One row an item of a claim; a claim without items has none."""
    serviced = F.coalesce(rows["serviced_date"], rows["serviced_start"])
    written = F.coalesce(rows["serviced_date_text"], rows["serviced_start_text"])
    columns = {
        "patient_reference": reference_text(rows, "patient"),
        "cpt_code": preferred(rows["codes"], CPT),
        "hcpcs_code": preferred(rows["codes"], HCPCS),
        "ndc_code": preferred(rows["codes"], NDC),
        "revenue_code": first_code(rows["revenue_codes"]),
        "quantity_unit": F.coalesce(rows["quantity_code"], rows["quantity_unit"]),
        **_amounts(rows),
        "serviced_at": serviced,
        "serviced_precision": precision(written),
        "serviced_ended_at": rows["serviced_end"],
        "serviced_ended_precision": precision(rows["serviced_end_text"]),
        "place_code": first_code(rows["place_codes"]),
        "location_reference": reference_text(rows, "location"),
        "encounter_reference": reference_text(rows, "encounter"),
        "icd10cm_codes": _icd10cm_codes(rows),
        "_is_sequence_unique": F.size(F.filter(rows["sequences"], lambda s: s == rows["sequence"])) == 1,
        "_diagnosis_sequences": rows["claim_diagnosis_sequences"],
        "_serviced_earliest": earliest(serviced, written),
        "_serviced_latest": latest(serviced, written),
        "_serviced_ended_latest": latest(rows["serviced_end"], rows["serviced_end_text"]),
    }
    return finish(
        with_birth(rows.withColumns(columns), patients),
        CLAIM_LINE,
        "_birth_on",
        "_amounts_fit",
        "_is_sequence_unique",
        "_diagnosis_sequences",
        "_serviced_earliest",
        "_serviced_latest",
        "_serviced_ended_latest",
    )
