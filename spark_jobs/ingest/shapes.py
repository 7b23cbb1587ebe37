"""Whether a resource has FHIR's shape: each element of the JSON type that R4 gives it, told while msgspec decodes it.

Spark reads any token into a string; views need not look for that in records that were found in order here.
"""

import sys
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Annotated, Any

import msgspec

from lakehouse.fhir import elements

# msgspec resolves the names in annotations, and so types that hold each other, in the module of a struct.
_MODULE = ModuleType(f"{__name__}.types")
sys.modules[_MODULE.__name__] = _MODULE
# The ranges are those of the columns that views read numbers into.
setattr(_MODULE, "Whole", Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)])  # noqa: B010
setattr(_MODULE, "Number", Annotated[float, msgspec.Meta(gt=-1e20, lt=1e20)])  # noqa: B010
_SCALARS = {"boolean": "bool", "integer": "Whole", "decimal": "Number"}


def has_fhir_shape(resource_type: str, text: bytes) -> bool:
    """Whether all elements that R4 knows have the JSON types that it gives them, down to the last level.

    Null passes everywhere, for it reads as absent; so do elements that R4 doesn't know, and what a contained resource
    or an entry holds: that is a resource of its own.
    """
    try:
        _decoder(resource_type)(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


@cache
def _decoder(type_name: str) -> Callable[[bytes], object]:
    return msgspec.json.Decoder(_struct(type_name)).decode


def _struct(type_name: str) -> Any:
    name = f"T{type_name}"
    if not hasattr(_MODULE, name):
        setattr(_MODULE, name, None)  # met again below itself
        fields: list[tuple[str, Any, Any]] = [
            (f"e{number}", _annotation(element), msgspec.field(default=None, name=element.json))
            for number, element in enumerate(elements.all_elements(type_name))
        ]
        setattr(_MODULE, name, msgspec.defstruct(name, fields, module=_MODULE.__name__, gc=False))
    return getattr(_MODULE, name)


def _annotation(element: elements.Element) -> Any:
    if element.type == "Resource":
        return Any
    if element.type in elements.KINDS:
        one = _SCALARS.get(elements.KINDS[element.type], "str")
    else:
        _struct(element.type)
        one = f"T{element.type}"
    return f"list[{one} | None] | None" if element.is_list else f"{one} | None"
