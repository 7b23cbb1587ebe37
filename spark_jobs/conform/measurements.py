"""The measurements with a declared unit: their codes, unit, conversions and the limits of what can be a real value.

A limit is no normal range: it marks what no living person has and no instrument reads, so a value beyond it is a fault
of entry or transfer. They follow the outlier bounds of MIMIC-Extract (Wang et al., ACM CHIL 2020, table of variable
ranges), widened where recorded extremes lie beyond them: body temperature 11.8 to 46.5 degrees Celsius, weight 212 g to
635 kg, height 272 cm, creatinine 73.8 mg/dL. Bounds are inclusive, in the declared unit.

Codes are LOINC's; six digits without a hyphen are items of MIMIC-IV, which has no LOINC codes (d_labitems, d_items).
"""

from dataclasses import dataclass

from spark_jobs.conform import units as u


@dataclass(frozen=True)
class Measurement:
    """One kind of measured value; `units` maps a written unit to (factor, offset), the first is the declared one."""

    name: str
    low: float
    high: float
    units: u.Units
    codes: tuple[str, ...]

    @property
    def unit(self) -> str:
        """The declared unit, in UCUM."""
        return next(iter(self.units))


def _is(name: str, low: float, high: float, units: u.Units, codes: str) -> Measurement:
    return Measurement(name, low, high, units, tuple(codes.split()))


VITAL_SIGNS = (
    _is("heart_rate", 0, 400, u.PER_MINUTE, "8867-4 8893-0 76282-3 220045"),
    _is("respiratory_rate", 0, 300, u.PER_MINUTE, "9279-1 19840-8 220210 224690"),
    _is(
        "systolic_blood_pressure",
        0,
        400,
        u.PRESSURE,
        "8480-6 8459-0 8460-8 8461-6 76534-7 76215-3 96608-5 220050 220179 225309",
    ),
    _is(
        "diastolic_blood_pressure",
        0,
        400,
        u.PRESSURE,
        "8462-4 8453-3 8454-1 8455-8 76535-4 76213-8 96609-3 220051 220180 225310",
    ),
    _is("mean_blood_pressure", 0, 400, u.PRESSURE, "8478-0 76536-2 76214-6 220052 220181 225312"),
    _is(
        "body_temperature",
        10,
        47,
        u.TEMPERATURE,
        "8310-5 8331-1 8332-9 8333-7 8329-5 8328-7 8334-5 76011-6 75539-7 223761 223762",
    ),
    _is("oxygen_saturation", 0, 100, u.PERCENT, "59408-5 2708-6 20564-1 220277"),
    _is("inspired_oxygen_flow", 0, 150, u.FLOW, "3151-8"),
    _is("inspired_oxygen_fraction", 15, 100, u.INSPIRED_OXYGEN, "19994-3 223835"),
    _is("body_weight", 0.2, 650, u.BODY_MASS, "29463-7 3141-9 3142-7 8341-0 226512 224639"),
    _is("body_height", 15, 280, u.BODY_LENGTH, "8302-2 8306-3 3137-7 3138-5 8301-4 226730 226707"),
    _is("body_mass_index", 4, 260, u.BODY_MASS_INDEX, "39156-5"),
    _is("head_circumference", 10, 100, u.BODY_LENGTH, "9843-4 8287-5"),
)

_CHEMISTRY = (
    _is(
        "glucose",
        0,
        3000,
        u.mass_per_dl(180.156),
        "2345-7 2339-0 2340-8 1558-6 14749-6 15074-8 41653-7 32016-8 50931 50809",
    ),
    _is("creatinine", 0, 80, u.mass_per_dl(113.12), "2160-0 38483-4 14682-9 50912"),
    _is("urea_nitrogen", 0, 400, u.mass_per_dl(28.0134), "3094-0 6299-2 14937-7 51006"),
    _is("sodium", 50, 250, u.millimole_per_l(), "2951-2 2947-0 50983 50824"),
    _is("potassium", 0.5, 20, u.millimole_per_l(), "2823-3 6298-4 50971 50822"),
    _is("chloride", 30, 200, u.millimole_per_l(), "2075-0 2069-3 50902 50806"),
    _is("bicarbonate", 0, 80, u.millimole_per_l(), "1963-8 1960-4 14627-4 2028-9 20565-8 50882"),
    _is("anion_gap", -30, 100, u.millimole_per_l(), "33037-3 1863-0 10466-1 50868"),
    _is("calcium", 0, 30, u.mass_per_dl(40.078, 2), "17861-6 49765-1 2000-8 50893"),
    _is("magnesium", 0, 40, u.mass_per_dl(24.305, 2), "19123-9 2601-3 21377-7 50960"),
    _is("phosphate", 0, 50, u.mass_per_dl(30.974), "2777-1 14879-1 50970"),
    _is("total_protein", 0, 25, u.gram_per_dl(), "2885-2 50976"),
    _is("albumin", 0, 10, u.gram_per_dl(66_437), "1751-7 61151-7 50862"),
    _is("total_bilirubin", 0, 100, u.mass_per_dl(584.66), "1975-2 42719-5 14631-6 50885"),
    _is("alkaline_phosphatase", 0, 15_000, u.ENZYME, "6768-6 50863"),
    _is("alanine_aminotransferase", 0, 50_000, u.ENZYME, "1742-6 1743-4 1744-2 50861"),
    _is("aspartate_aminotransferase", 0, 50_000, u.ENZYME, "1920-8 30239-8 50878"),
    _is("lactate_dehydrogenase", 0, 100_000, u.ENZYME, "2532-0 14804-9 14805-6 50954"),
    _is("creatine_kinase", 0, 1_000_000, u.ENZYME, "2157-6 50910"),
    _is("lipase", 0, 100_000, u.ENZYME, "3040-3 50956"),
    _is("total_cholesterol", 0, 2000, u.mass_per_dl(386.65), "2093-3 14647-2 50907"),
    _is("hdl_cholesterol", 0, 500, u.mass_per_dl(386.65), "2085-9 14646-4 50904"),
    _is("ldl_cholesterol", 0, 1500, u.mass_per_dl(386.65), "18262-6 13457-7 2089-1 22748-8 50905 50906"),
    _is("triglycerides", 0, 30_000, u.mass_per_dl(885.43), "2571-8 14927-8 51000"),
    _is("uric_acid", 0, 100, u.mass_per_dl(168.11), "3084-1 14933-6 51007"),
    _is("iron", 0, 10_000, u.ug_per_dl(55.845), "2498-4 14798-3 50952"),
    _is("iron_binding_capacity", 0, 5000, u.ug_per_dl(55.845), "2500-7 50953"),
    _is("ferritin", 0, 1_000_000, u.nanogram_per_ml(), "2276-4 50924"),
    _is("ammonia", 0, 5000, u.MICROMOLE, "16362-6 1841-6 50866"),
    _is("lactate", 0, 50, u.millimole_per_l(90.08), "2524-7 32693-4 2518-9 2519-7 14118-4 50813"),
    _is("glomerular_filtration_rate", 0, 400, u.FILTRATION, "33914-3 48642-3 48643-1 62238-1 88293-6 98979-8 50920"),
    _is("thyrotropin", 0, 5000, u.THYROTROPIN, "3016-3 11580-8 11579-0 50993"),
    _is("c_reactive_protein", 0, 1500, u.units({"mg/L": 1, "mg/dL": 10, "ug/mL": 1}), "1988-5 30522-7 50889"),
    _is("procalcitonin", 0, 10_000, u.nanogram_per_ml(), "33959-8 75241-0"),
    _is("troponin_i", 0, 10_000_000, u.nanogram_per_l(), "10839-9 89579-7 49563-0 42757-5 51002"),
    _is("troponin_t", 0, 10_000_000, u.nanogram_per_l(), "6598-7 67151-1 51003"),
    _is("bnp", 0, 1_000_000, u.nanogram_per_l(3464), "42637-9 30934-4"),
    _is("nt_probnp", 0, 10_000_000, u.nanogram_per_l(8457), "33762-6 83107-3 71425-3 50963"),
    _is("prostate_specific_antigen", 0, 100_000, u.nanogram_per_ml(), "2857-1 50974"),
    _is("hemoglobin_a1c", 0, 30, u.GLYCATED, "4548-4 17856-6 59261-8 50852"),
    _is("urine_albumin_creatinine_ratio", 0, 100_000, u.ALBUMIN_RATIO, "14959-1 9318-7 32294-1 51070"),
)

_HEMATOLOGY = (
    _is("leukocytes", 0, 2000, u.CELLS_THOUSAND, "6690-2 26464-8 804-5 51301 51300"),
    _is("erythrocytes", 0, 20, u.CELLS_MILLION, "789-8 26453-1 51279"),
    _is("hemoglobin", 0, 40, u.gram_per_dl(16_114), "718-7 20509-6 30313-1 30350-3 59260-0 51222 50811"),
    _is("hematocrit", 0, 100, u.PERCENT, "4544-3 20570-8 71833-8 51221 50810"),
    _is("platelets", 0, 10_000, u.CELLS_THOUSAND, "777-3 26515-7 778-1 51265"),
    _is("mean_corpuscular_volume", 20, 250, u.VOLUME_FEMTOLITRE, "787-2 30428-7 51250"),
    _is("mean_corpuscular_hemoglobin", 0, 100, u.MASS_PICOGRAM, "785-6 28539-5 51248"),
    _is(
        "mean_corpuscular_hemoglobin_concentration",
        0,
        70,
        u.units({"g/dL": 1, "g/L": 0.1, "%": 1}),
        "786-4 28540-3 51249",
    ),
    _is("erythrocyte_distribution_width", 0, 100, u.PERCENT, "788-0 30385-9 51277"),
    _is("neutrophils", 0, 2000, u.CELLS_THOUSAND, "751-8 26499-4 753-4 52075"),
    _is("lymphocytes", 0, 2000, u.CELLS_THOUSAND, "731-0 26474-7 732-8 51133"),
    _is("inr", 0, 50, u.RATIO, "6301-6 34714-6 38875-1 51237"),
    _is("prothrombin_time", 0, 500, u.SECONDS, "5902-2 5964-2 51274"),
    _is("partial_thromboplastin_time", 0, 1000, u.SECONDS, "3173-2 14979-9 51275"),
    _is("fibrinogen", 0, 5000, u.FIBRINOGEN, "3255-7 51214"),
    _is("d_dimer_feu", 0, 10_000, u.FIBRIN_FRAGMENT, "48065-7"),
    _is("erythrocyte_sedimentation_rate", 0, 300, u.SEDIMENTATION, "4537-7 30341-2 51288"),
)

_BLOOD_GAS = (
    _is("blood_ph", 6, 8.5, u.ACIDITY, "2744-1 2746-6 11558-4 2745-8 50820"),
    _is("carbon_dioxide_pressure", 0, 350, u.PRESSURE, "2019-8 2021-4 11557-6 2020-6 50818"),
    _is("oxygen_pressure", 0, 1000, u.PRESSURE, "2703-7 2705-2 11556-8 2704-5 50821"),
)

LAB_RESULTS = (*_CHEMISTRY, *_HEMATOLOGY, *_BLOOD_GAS)
MEASUREMENTS = (*VITAL_SIGNS, *LAB_RESULTS)
