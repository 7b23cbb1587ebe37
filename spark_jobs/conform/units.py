"""Units that measurements arrive in, and what one of each is in the measurement's declared unit.

`Units` maps a spelling to (factor, offset): declared = written * factor + offset. Spellings are UCUM codes first, then
the everyday forms that sources write in their place. Factors between amounts of substance and mass follow from molar
masses (IUPAC standard atomic weights, 2021), named where they are used.
"""

Units = dict[str, tuple[float, float]]


def _spellings(unit: str) -> set[str]:
    """A unit as written and with litre, micro and milli-equivalent spelled the other ways that UCUM or habit allow."""
    found = {unit, unit.replace("L", "l")}
    found |= {
        s.replace("u", micro, 1) for s in found if s.startswith(("ug", "umol", "ukat", "u[IU]")) for micro in "µμ"
    }
    found |= {s.replace("/u", f"/{micro}") for s in found for micro in ("µ", "μ", "mc")}
    found |= {"mc" + s[1:] for s in found if s.startswith("ug")}
    found |= {s.replace("meq", "mEq", 1) for s in found if s.startswith("meq")}
    found |= {s.replace("[IU]", form) for s in found if "[IU]" in s for form in ("[iU]", "IU")}
    return found


def units(factors: dict[str, float]) -> Units:
    """Units without an offset, each with its other spellings; the first one is the declared unit."""
    found: Units = {}
    for unit, factor in factors.items():
        found.setdefault(unit, (factor, 0.0))
        for spelling in sorted(_spellings(unit)):
            found.setdefault(spelling, (factor, 0.0))
    return found


def mass_per_dl(molar_mass: float | None = None, charge: int = 0) -> Units:
    """mg/dL; from moles with the molar mass in g/mol, from milli-equivalents with the ion's charge too."""
    known = {"mg/dL": 1.0, "mg/L": 0.1, "g/L": 100.0, "g/dL": 1000.0, "ug/dL": 0.001, "ug/mL": 0.1, "mg/100mL": 1.0}
    if molar_mass is not None:
        known |= {"mmol/L": molar_mass / 10, "umol/L": molar_mass / 10_000}
        if charge:
            known["meq/L"] = molar_mass / charge / 10
    return units(known)


def gram_per_dl(molar_mass: float | None = None) -> Units:
    """g/dL; from mmol/L with the molar mass in g/mol."""
    known = {"g/dL": 1.0, "g/L": 0.1, "mg/dL": 0.001, "g/100mL": 1.0}
    if molar_mass is not None:
        known["mmol/L"] = molar_mass / 10_000
    return units(known)


def ug_per_dl(molar_mass: float) -> Units:
    """ug/dL; from umol/L with the molar mass in g/mol."""
    return units({"ug/dL": 1.0, "mg/dL": 1000.0, "ug/L": 0.1, "umol/L": molar_mass / 10})


def nanogram_per_ml(picomoles: float | None = None) -> Units:
    """ng/mL; `picomoles` is the molar mass in g/mol for pmol/L."""
    known = {"ng/mL": 1.0, "ug/L": 1.0, "ng/dL": 0.01, "pg/mL": 0.001, "ng/L": 0.001, "ug/mL": 1000.0, "mg/L": 1000.0}
    if picomoles is not None:
        known["pmol/L"] = picomoles / 1_000_000
    return units(known)


def nanogram_per_l(molar_mass: float | None = None) -> Units:
    """ng/L, which is pg/mL; from pmol/L with the molar mass in g/mol."""
    known = {"ng/L": 1.0, "pg/mL": 1.0, "ng/mL": 1000.0, "ug/L": 1000.0}
    if molar_mass is not None:
        known["pmol/L"] = molar_mass / 1000
    return units(known)


def millimole_per_l(molar_mass: float | None = None) -> Units:
    """mmol/L; milli-equivalents count one to one (single charge); from mg/dL with the molar mass in g/mol."""
    known = {"mmol/L": 1.0, "meq/L": 1.0, "umol/L": 0.001}
    if molar_mass is not None:
        known["mg/dL"] = 10 / molar_mass
    return units(known)


PERCENT = units({"%": 1.0, "{percent}": 1.0, "L/L": 100.0, "{fraction}": 100.0, "{ratio}": 100.0, "1": 100.0})
PER_MINUTE = units(
    {
        "/min": 1.0,
        "{beats}/min": 1.0,
        "{Beats}/min": 1.0,
        "{breaths}/min": 1.0,
        "{counts}/min": 1.0,
        "1/min": 1.0,
        "beats/min": 1.0,
        "beats/minute": 1.0,
        "breaths/min": 1.0,
        "breaths/minute": 1.0,
        "insp/min": 1.0,
        "bpm": 1.0,
        "BPM": 1.0,
        "per minute": 1.0,
        "/minute": 1.0,
    }
)
PRESSURE = units({"mm[Hg]": 1.0, "mmHg": 1.0, "mm Hg": 1.0, "mm[hg]": 1.0, "kPa": 7.500615, "cm[H2O]": 0.735559})
TEMPERATURE: Units = {
    **dict.fromkeys(("Cel", "°C", "C", "degC", "deg C", "cel", "Deg. C"), (1.0, 0.0)),
    **dict.fromkeys(("[degF]", "°F", "F", "degF", "deg F", "Deg. F"), (5 / 9, -32 * 5 / 9)),
    "K": (1.0, -273.15),
}
BODY_MASS = units(
    {
        "kg": 1.0,
        "g": 0.001,
        "[lb_av]": 0.45359237,
        "lb": 0.45359237,
        "lbs": 0.45359237,
        "pounds": 0.45359237,
        "[oz_av]": 0.028349523125,
        "oz": 0.028349523125,
        "Kg": 1.0,
        "KG": 1.0,
    }
)
BODY_LENGTH = units(
    {
        "cm": 1.0,
        "m": 100.0,
        "mm": 0.1,
        "[in_i]": 2.54,
        "[in_us]": 2.54000508,
        "in": 2.54,
        "inch": 2.54,
        "Inch": 2.54,
        "inches": 2.54,
        "[ft_i]": 30.48,
        "ft": 30.48,
    }
)
BODY_MASS_INDEX = units({"kg/m2": 1.0, "kg/m^2": 1.0, "kg/m²": 1.0, "kg/(m2)": 1.0})
FLOW = units({"L/min": 1.0, "mL/min": 0.001, "liters/min": 1.0, "lpm": 1.0})
INSPIRED_OXYGEN = units({"%": 1.0, "{fraction}": 100.0, "1": 100.0})
ENZYME = units({"U/L": 1.0, "[IU]/L": 1.0, "mU/mL": 1.0, "U/mL": 1000.0, "ukat/L": 60.0, "nkat/L": 0.06})
CELLS_THOUSAND = units(
    {
        "10*3/uL": 1.0,
        "10*9/L": 1.0,
        "10*6/mL": 1.0,
        "10*6/L": 0.001,
        "/uL": 0.001,
        "{cells}/uL": 0.001,
        "/mm3": 0.001,
        "#/uL": 0.001,
        "K/uL": 1.0,
        "k/uL": 1.0,
        "10^3/uL": 1.0,
        "10^9/L": 1.0,
        "x10E3/uL": 1.0,
        "x10(3)/uL": 1.0,
        "x10(9)/L": 1.0,
        "10*3/mm3": 1.0,
        "{10*3}/uL": 1.0,
        "Thousand/uL": 1.0,
    }
)
CELLS_MILLION = units(
    {
        "10*6/uL": 1.0,
        "10*12/L": 1.0,
        "10*6/mm3": 1.0,
        "m/uL": 1.0,
        "M/uL": 1.0,
        "10^6/uL": 1.0,
        "10^12/L": 1.0,
        "x10E6/uL": 1.0,
        "x10(12)/L": 1.0,
        "Million/uL": 1.0,
    }
)
VOLUME_FEMTOLITRE = units({"fL": 1.0, "um3": 1.0})
MASS_PICOGRAM = units({"pg": 1.0, "pg/{cell}": 1.0, "fg": 0.001})
SECONDS = units({"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 0.001})
THYROTROPIN = units({"m[IU]/L": 1.0, "u[IU]/mL": 1.0, "mU/L": 1.0, "uU/mL": 1.0})
FILTRATION = units(
    {
        "mL/min/{1.73_m2}": 1.0,
        "mL/min/1.73.m2": 1.0,
        "mL/min/1.73m2": 1.0,
        "mL/min/1.73 m2": 1.0,
        "mL/min/1.73m^2": 1.0,
        "mL/min/1.73": 1.0,
        "mL/min": 1.0,  # the LOINC code says per 1.73 square metres; sources leave it out of the unit
    }
)
GLYCATED: Units = {
    **PERCENT,
    # NGSP % from IFCC mmol/mol, the master equation of the IFCC working group on HbA1c standardisation (2004).
    **dict.fromkeys(("mmol/mol", "mmol/mol{Hb}", "mmol/mol Hb"), (0.09148, 2.152)),
}
ACIDITY = dict.fromkeys(("[pH]", "pH", "{pH}", "1", "units", ""), (1.0, 0.0))
RATIO = dict.fromkeys(("{INR}", "INR", "{ratio}", "1", "ratio", ""), (1.0, 0.0))
MICROMOLE = units({"umol/L": 1.0, "ug/dL": 10 / 17.031, "mmol/L": 1000.0})  # ammonia, 17.031 g/mol
FIBRINOGEN = units({"mg/dL": 1.0, "g/L": 100.0, "g/dL": 1000.0, "umol/L": 34.0})  # 340 kDa
ALBUMIN_RATIO = units({"mg/g": 1.0, "mg/g{creat}": 1.0, "ug/mg": 1.0, "ug/mg{creat}": 1.0, "mg/mmol": 8.84})
FIBRIN_FRAGMENT = units(
    {
        "ug/mL{FEU}": 1.0,
        "ug/mL": 1.0,
        "mg/L{FEU}": 1.0,
        "mg/L": 1.0,
        "ng/mL{FEU}": 0.001,
        "ng/mL": 0.001,
        "ug/L{FEU}": 0.001,
        "ug/L": 0.001,
    }
)
SEDIMENTATION = units({"mm/h": 1.0, "mm/hr": 1.0, "mm/1h": 1.0})
