"""What facilities, wards and classes of contact are called for people."""

from collections.abc import Iterable

from dash_app.data import Ask

CLASSES = {
    "IMP": "Inpatient", "ACUTE": "Inpatient, acute", "NONAC": "Inpatient, not acute", "EMER": "Emergency",
    "AMB": "Outpatient", "HH": "At home", "VR": "Virtual", "OBSENC": "Observation", "SS": "Short stay", "FLD": "Field",
    "PRENC": "Before admission",
}  # fmt: skip


def class_name(code: str | None) -> str:
    """The class of contact in words; a code of the source's own as it stands."""
    return CLASSES.get(code, code) if code else "not told"


def facility_names(ask: Ask) -> dict[str, str]:
    """Facilities by key; one whose name is not known by the end of its key."""
    rows = ask("facility_names").itertuples(index=False)
    return {key: place_name(key, name) for key, name in rows}


def by_name(options: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Keys with names, in the order of the names."""
    return sorted(options, key=lambda option: option[1].lower())


def place_name(key: str | None, name: str | None) -> str:
    """A place's name, else the end of how the source refers to it."""
    if isinstance(name, str) and name.strip():
        return name
    if not isinstance(key, str) or key == "unknown":
        return "not told"
    return key.rsplit("|", 1)[-1].rsplit("/", 1)[-1]
