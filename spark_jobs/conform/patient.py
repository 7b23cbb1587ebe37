"""silver.patient from FHIR Patient."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.silver import PATIENT
from spark_jobs.conform.naming import identifiers, name_part
from spark_jobs.conform.parts import finish, latest, precision, reference_text
from spark_jobs.job import conforms


def _category(codes: Column, text: Column, several: str) -> Column:
    one = F.get(codes, F.lit(0))
    return F.when(F.size(codes) > 1, several).otherwise(F.coalesce(one["display"], text, one["code"]))


@conforms(view="patient", writes=PATIENT)
def patient(rows: DataFrame) -> DataFrame:
    """One row a patient record."""
    death_known = rows["deceased_at"].isNotNull()
    columns = {
        "identifiers": identifiers(rows, "patient_id"),
        "family_name": name_part(rows, "family"),
        "given_names": name_part(rows, "given"),
        "name_text": name_part(rows, "text"),
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
