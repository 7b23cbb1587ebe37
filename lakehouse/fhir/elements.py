"""What FHIR R4 says of its types: their elements, their JSON names, and which are lists or choices.

The table is that of the `fhirclient` package, read type by type when first asked for.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

# Each primitive of FHIR and how it computes: text kinds compare as text, the others by value.
KINDS = {
    "boolean": "boolean", "integer": "integer", "positiveInt": "integer", "unsignedInt": "integer",
    "integer64": "integer64", "decimal": "decimal", "date": "dateTime", "dateTime": "dateTime",
    "instant": "dateTime", "time": "time", "string": "string", "code": "string", "id": "string",
    "uri": "string", "url": "string", "canonical": "string", "oid": "string", "uuid": "string",
    "markdown": "string", "base64Binary": "string", "xhtml": "string",
}  # fmt: skip
_PYTHON = {
    "str": "string", "bool": "boolean", "int": "integer", "float": "decimal", "FHIRDate": "date",
    "FHIRDateTime": "dateTime", "FHIRInstant": "instant", "FHIRTime": "time",
}  # fmt: skip


@dataclass(frozen=True)
class Element:
    """One element of a type: its JSON name, the name of its type, and whether JSON holds a list of it."""

    json: str
    type: str
    is_list: bool


@dataclass(frozen=True)
class TypeTable:
    """The elements of a type by FHIRPath name, and its choices: `value` to type name to element."""

    elements: dict[str, Element]
    choices: dict[str, dict[str, Element]]


_classes: dict[str, Any] = {}


def _class(type_name: str) -> Any:
    if type_name not in _classes and type_name.isalnum() and type_name.isascii():
        try:
            module = importlib.import_module(f"fhirclient.models.{type_name.lower()}")
        except ModuleNotFoundError:
            return None
        found = getattr(module, type_name, None)
        if found is None or not hasattr(found, "elementProperties"):
            return None
        _classes[type_name] = found
    return _classes.get(type_name)


def _type_name(declared: Any) -> str:
    name: str = getattr(declared, "resource_type", None) or declared.__name__
    if declared.__name__ in _PYTHON:
        return _PYTHON[declared.__name__]
    # Classes such as the parts of an Observation live in the module of their resource: remember them when met.
    _classes.setdefault(name, declared)
    return name


def is_known(type_name: str) -> bool:
    """Whether the name is a primitive, a data type or a resource of FHIR."""
    return type_name in KINDS or _class(type_name) is not None


@cache
def is_resource(type_name: str) -> bool:
    """Whether the name is a resource type that can stand in `resourceType`."""
    if type_name in KINDS or _class(type_name) is None:
        return False
    base = importlib.import_module("fhirclient.models.resource").Resource
    return issubclass(_class(type_name), base) and type_name not in ("Resource", "DomainResource")


@cache
def table(type_name: str) -> TypeTable:
    """The elements of a type; a primitive has those of Element (`id`, `extension`); KeyError for an unknown type."""
    found = _class("Element" if type_name in KINDS else type_name)
    if found is None:
        raise KeyError(type_name)
    elements: dict[str, Element] = {}
    choices: dict[str, dict[str, Element]] = {}
    for _, json, declared, is_list, group, _ in found().elementProperties():
        element = Element(json, _refined(json, _type_name(declared), group), is_list)
        if group:
            choices.setdefault(group, {})[element.type] = element
        else:
            elements[json] = element
    return TypeTable(elements, choices)


def all_elements(type_name: str) -> list[Element]:
    """Every JSON element of a type that R4 knows, each type of a choice as one of its own; KeyError if unknown."""
    found = table(type_name)
    return [*found.elements.values(), *(one for group in found.choices.values() for one in group.values())]


@cache
def is_element(type_name: str, json: str) -> bool:
    """Whether R4 knows an element of a type by its JSON name."""
    return any(element.json == json for element in all_elements(type_name))


def _refined(json: str, type_name: str, group: str | None) -> str:
    """The primitive that a choice's JSON name ends in: the table says `str` where FHIR says code or uri."""
    if group:
        suffix = json[len(group) :]
        lowered = suffix[:1].lower() + suffix[1:]
        return lowered if lowered in KINDS else type_name
    return "id" if json == "id" and type_name == "string" else type_name


def choice(type_name: str, group: str, wanted: str) -> Element | None:
    """The element of a choice for a type, also for types that a later FHIR version added; None for an unknown type."""
    found = table(type_name).choices[group].get(wanted)
    if found is None and is_known(wanted):
        found = Element(group + wanted[0].upper() + wanted[1:], wanted, False)
    return found


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint with the most similar name, or an empty string."""
    found = difflib.get_close_matches(name, list(names), 1, 0.5)
    return f"; did you mean {found[0]}?" if found else ""


def nearest_resource(name: str) -> str:
    """A hint with the most similar resource type, or an empty string."""
    models = importlib.import_module("fhirclient.models")
    by_module = {module.name: module.name for module in pkgutil.iter_modules(models.__path__)}
    found = difflib.get_close_matches(name.lower(), by_module, 3, 0.5)
    for module in found:
        for candidate in vars(importlib.import_module(f"fhirclient.models.{module}")):
            if candidate.lower() == module and is_resource(candidate):
                return f"; did you mean {candidate}?"
    return ""
