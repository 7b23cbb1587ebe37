"""Whether an event is what OpenLineage says, by the classes that `openlineage-python` generates from its JSON schema.

The schema's files are not part of that package; its classes are made from them, with every property, its type and
whether it is required. Only of producer and schema the classes do not say so, for they fill them in themselves.
"""

import importlib
import types
import typing
from typing import Any

import attr
from openlineage.client import event_v2
from openlineage.client.generated import base

_FILLED_IN = {"producer", "schemaURL", "_producer", "_schemaURL"}
_MODULES = (
    "column_lineage_dataset", "data_quality_assertions_dataset", "data_quality_metrics_dataset",
    "dataset_version_dataset", "documentation_dataset", "documentation_job", "error_message_run", "job_type_job",
    "parent_run", "schema_dataset", "tags_dataset", "tags_run",
)  # fmt: skip


def _facets() -> dict[str, type]:
    """Each facet's class by the address of its schema."""
    found = {}
    for name in _MODULES:
        for each in vars(importlib.import_module(f"openlineage.client.generated.{name}")).values():
            if isinstance(each, type) and issubclass(each, base.BaseFacet):
                found[each._get_schema()] = each
    return found


_FACETS = _facets()


def problems(event: dict[str, Any]) -> list[str]:
    """What is wrong with a run event, each with its place; empty if it is valid."""
    return _object(event, event_v2.RunEvent, "event")


def _object(value: Any, wanted: type, place: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{place} is no object"]
    if issubclass(wanted, base.BaseFacet):
        if "_schemaURL" not in value:
            return [f"{place}._schemaURL is missing"]
        wanted = _FACETS.get(value.get("_schemaURL", ""), wanted)
        if wanted not in _FACETS.values():
            return [f"{place} is no facet that is known: {value.get('_schemaURL')}"]
    hints = typing.get_type_hints(wanted)
    fields = {field.name: field for field in attr.fields(wanted)}
    found = [f"{place}.{name} is unknown" for name in value.keys() - fields.keys()]
    required = {name for name, field in fields.items() if field.default is attr.NOTHING or name in _FILLED_IN}
    found += [f"{place}.{name} is missing" for name in required - value.keys()]
    for name in fields.keys() & value.keys():
        found += _check(value[name], hints[name], f"{place}.{name}")
        if (check := fields[name].validator) is not None:
            check(None, fields[name], value[name])
    return found


def _check(value: Any, hint: Any, place: str) -> list[str]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        each = [_check(value, one, place) for one in arguments]
        return min(each, key=len)
    if origin is list:
        if not isinstance(value, list):
            return [f"{place} is no list"]
        return [p for i, item in enumerate(value) for p in _check(item, arguments[0], f"{place}[{i}]")]
    if origin is dict:
        if not isinstance(value, dict):
            return [f"{place} is no object"]
        return [p for key, item in value.items() for p in _check(item, arguments[1], f"{place}.{key}")]
    if hint is Any:
        return []
    if hint is type(None):
        return [] if value is None else [f"{place} is not null"]
    if attr.has(hint):
        return _object(value, hint, place)
    if issubclass(hint, base.EventType):
        return [] if value in {kind.value for kind in hint} else [f"{place} is {value}"]
    fits = isinstance(value, int | float) if hint is float else isinstance(value, hint)
    return [] if fits and not (hint is int and isinstance(value, bool)) else [f"{place} is no {hint.__name__}"]
