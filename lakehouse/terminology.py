"""Code systems as native Spark columns: which URI means which system, preferred codes, check digits, ICD-10-CM.

Nothing here is a UDF. All functions take and give `Column`s; null in, null out, unless said otherwise.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

MIMIC = ("http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-", "http://fhir.mimic.mit.edu/CodeSystem/")
"""MIMIC-IV-on-FHIR names its code systems by one of these, version 1 or the drafts before it."""


def _mimic(*names: str) -> tuple[str, ...]:
    return tuple(prefix + name for prefix in MIMIC for name in names)


LOINC = ("http://loinc.org", "urn:oid:2.16.840.1.113883.6.1")
SNOMED = ("http://snomed.info/sct", "urn:oid:2.16.840.1.113883.6.96")
RXNORM = ("http://www.nlm.nih.gov/research/umls/rxnorm", "urn:oid:2.16.840.1.113883.6.88")
NDC = ("http://hl7.org/fhir/sid/ndc", "urn:oid:2.16.840.1.113883.6.69", *_mimic("medication-ndc"))
CVX = ("http://hl7.org/fhir/sid/cvx", "urn:oid:2.16.840.1.113883.12.292")
MEDDRA = (
    "https://www.meddra.org",
    "http://terminology.hl7.org/CodeSystem/mdr",
    "urn:oid:2.16.840.1.113883.6.163",
)
ICD10CM = ("http://hl7.org/fhir/sid/icd-10-cm", "urn:oid:2.16.840.1.113883.6.90", *_mimic("diagnosis-icd10"))
ICD10 = ("http://hl7.org/fhir/sid/icd-10", "urn:oid:2.16.840.1.113883.6.3")
ICD9CM = (
    "http://hl7.org/fhir/sid/icd-9-cm",
    "http://hl7.org/fhir/sid/icd-9-cm/diagnosis",
    "urn:oid:2.16.840.1.113883.6.103",
    *_mimic("diagnosis-icd9"),
)
ICD9PCS = (
    "http://hl7.org/fhir/sid/icd-9-cm/procedure",
    "urn:oid:2.16.840.1.113883.6.104",
    *_mimic("procedure-icd9"),
)
ICD10PCS = (
    "http://www.cms.gov/Medicare/Coding/ICD10",
    "http://hl7.org/fhir/sid/icd-10-pcs",
    "urn:oid:2.16.840.1.113883.6.4",
    *_mimic("procedure-icd10"),
)
CPT = ("http://www.ama-assn.org/go/cpt", "urn:oid:2.16.840.1.113883.6.12")
HCPCS = (
    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "urn:oid:2.16.840.1.113883.6.285",
    *_mimic("hcpcs-cd"),
)
MIMIC_LAB_ITEMS = _mimic("d-labitems")
MIMIC_CHART_ITEMS = _mimic("chartevents-d-items", "d-items")
UCUM = "http://unitsofmeasure.org"
NPI = "http://hl7.org/fhir/sid/us-npi"


def preferred(codings: Column, systems: tuple[str, ...]) -> Column:
    """The first code of one of `systems` in an array of (system, code, display); null if there is none."""
    found = F.filter(codings, lambda c: c["system"].isin(*systems) & c["code"].isNotNull())
    return F.get(found, F.lit(0))["code"]


def first_code(codings: Column) -> Column:
    """The code of the first coding; null if there is none."""
    return F.get(codings, F.lit(0))["code"]


def icd10_dotted(code: Column) -> Column:
    """An ICD-10(-CM) code in upper case with its dot after the third character: `e119` gives `E11.9`."""
    plain = F.upper(F.trim(code))
    return F.when((F.instr(plain, ".") > 0) | (F.length(plain) <= 3), plain).otherwise(
        F.concat(F.substring(plain, 1, 3), F.lit("."), F.substring(plain, 4, 10))
    )


def _luhn_sum(digits: Column, width: int) -> Column:
    """Luhn's sum of a number without its check digit, read from the right; `digits` has at most `width` digits."""
    padded = F.lpad(digits, width, "0")
    doubled = F.translate(padded, "0123456789", "0246813579")  # 2·d, with the digits of the product added
    total = F.lit(0)
    for position in range(width, 0, -1):
        source = doubled if (width - position) % 2 == 0 else padded
        total = total + (F.ascii(F.substring(source, position, 1)) - 48)
    return total


def _only_digits(text: Column) -> Column:
    return (F.length(text) > 0) & (F.translate(text, "0123456789", "") == "")


KNOWN_WRONG_LOINC = (
    "11491-6 11501-6 5895-7 5896-5 5897-3 5928-1 6028-3 6415-5 6580-7 6645-7 6646-5 6647-3 6648-1 6649-9"
).split()
"""Terms that LOINC itself gave a wrong check digit (Users' Guide, annex on mod 10 check digits)."""


def _mod_10_ok(code: Column, prefix_weight: Column) -> Column:
    """Whether `code` is digits, a hyphen and the mod 10 check digit, with `prefix_weight` added to Luhn's sum."""
    number, check = F.substring_index(code, "-", 1), F.substring_index(code, "-", -1)
    shaped = (F.length(number) <= 8) & (F.length(check) == 1) & (F.length(code) == F.length(number) + 2)
    due = (F.lit(10) - (_luhn_sum(number, 8) + prefix_weight) % 10) % 10
    return shaped & _only_digits(number) & _only_digits(check) & (due == F.ascii(check) - 48)


def loinc_check_digit_ok(code: Column) -> Column:
    """Whether a LOINC term (`2345-7`) has the form of one and the right check digit; an answer code is no term.

    Luhn's sum over the number before the hyphen: LOINC Users' Guide, "Calculating Mod 10 Check Digits", which lists
    the terms that stand with a wrong digit, too; they pass.
    """
    return _mod_10_ok(code, F.lit(0)) | code.isin(*KNOWN_WRONG_LOINC)


def loinc_answer_check_digit_ok(code: Column) -> Column:
    """The same for answer codes (`LA33-6`), which stand in LOINC's system but are no terms.

    Their letters count too, as their distance from the character 0 (Luhn's sum as OpenMRS extends it, which the
    LOINC Users' Guide names): LA adds 35 before an even number of digits, 28 before an odd one.
    """
    number = F.substring(code, 3, 20)
    even = F.length(F.substring_index(number, "-", 1)) % 2 == 0
    return F.startswith(code, F.lit("LA")) & _mod_10_ok(number, F.when(even, 35).otherwise(28))


def npi_check_digit_ok(code: Column) -> Column:
    """Whether a US National Provider Identifier has ten digits and the right check digit.

    Luhn over the first nine digits with the prefix 80840, which adds 24 (45 CFR 162.406; CMS's NPI check digit rule).
    """
    due = (F.lit(10) - (_luhn_sum(F.substring(code, 1, 9), 9) + 24) % 10) % 10
    return (F.length(code) == 10) & _only_digits(code) & (due == F.ascii(F.substring(code, 10, 1)) - 48)


@cache
def icd10cm_codes() -> tuple[str, ...]:
    """All codes and categories of the installed ICD-10-CM release with their dot; chapters and blocks left out.

    The list in the `simple-icd-10-cm` package is read as it is, for its API parses a 10 MB XML file first (1.7 s).
    """
    spec = find_spec("simple_icd_10_cm")  # found, not imported: the import is what parses the XML
    folder = Path(spec.origin).parent / "data" if spec is not None and spec.origin else Path()
    files = sorted(folder.glob("code-list*.txt"))
    if files:
        listed = files[-1].read_text(encoding="utf-8").split()
    else:  # another release of the package lays its data out differently
        import simple_icd_10_cm

        listed = simple_icd_10_cm.get_all_codes(with_dots=True)
    plain = (code.replace(".", "") for code in listed if "-" not in code and code[:1].isalpha())
    return tuple(code if len(code) <= 3 else f"{code[:3]}.{code[3:]}" for code in plain)


def icd10cm_table(spark: SparkSession) -> DataFrame:
    """One row a code of ICD-10-CM, in the column `code`, for a broadcast join.

    The codes travel as one constant that Spark splits; 98,000 Python rows would take a second each time.
    """
    return spark.range(1).select(F.explode(F.split(F.lit(" ".join(icd10cm_codes())), " ")).alias("code"))


def with_icd10cm_known(rows: DataFrame, code: str = "icd10cm_code", known: str = "_icd10cm_known") -> DataFrame:
    """`rows` with a column `known`: whether ICD-10-CM has the code, null without one; row count unchanged."""
    listed = icd10cm_table(rows.sparkSession).select(F.col("code").alias("_listed"))
    joined = rows.join(F.broadcast(listed), on=rows[code] == listed["_listed"], how="left")
    return joined.withColumn(known, F.when(F.col(code).isNotNull(), F.col("_listed").isNotNull())).drop("_listed")
