"""What a mapping is: how the files and columns of an extract become FHIR R4. Validated when loaded.

A mapping is a JSON file in `catalog/mappings`. `docs` of its parts: catalog/mappings/README.md.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Formatter
from typing import Any, Literal, get_args

Kind = Literal["text", "id", "number", "integer", "minutes", "date", "datetime"]
KINDS: tuple[str, ...] = get_args(Kind)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")


class InvalidMapping(ValueError):
    """A mapping can't be used; the message names the mapping, the place in it and what is wrong."""


@dataclass(frozen=True)
class Reference:
    """`{name}` in a template: a column, a constant, or `table.field`; with `?` the member may be left out."""

    name: str
    is_optional: bool = False


Part = str | Reference


def parts(text: str) -> list[Part]:
    """The literal pieces and references of a template's text; `{{` and `}}` stand for braces. ValueError if broken."""
    found: list[Part] = []
    for literal, name, spec, conversion in Formatter().parse(text):
        if literal:
            found.append(literal)
        if name is None:
            continue
        if spec or conversion or not name.strip("?"):
            raise ValueError("a reference is {column}, {table.field} or {constant}, with ? at its end if optional")
        found.append(Reference(name.removesuffix("?"), name.endswith("?")))
    return found


def number_reference(text: str) -> Reference | None:
    """The reference of `#{name}`, which stands for a bare JSON number or boolean; None for any other text."""
    if not text.startswith("#{"):
        return None
    found = parts(text[1:])
    return found[0] if len(found) == 1 and isinstance(found[0], Reference) else None


@dataclass(frozen=True)
class CsvColumn:
    """One column of a file: what its cells have to be. `values` closes the list of what they may say."""

    name: str
    kind: str = "text"
    nulls: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    format: str = ""
    zone: str = "UTC"
    is_required: bool = False


@dataclass(frozen=True)
class ValueTable:
    """What the values of a column mean: an entry (field to text) a value, from the mapping or from a file's rows."""

    name: str
    column: str
    entries: Mapping[str, Mapping[str, str]]
    file: str = ""
    is_closed: bool = True
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Template:
    """One resource that a row makes, or with `group` all rows that agree in those columns.

    It is made of rows whose columns hold one of the values in `where` and in which nothing in `needs` is null.
    """

    resource: Mapping[str, Any]
    where: Mapping[str, tuple[str, ...]]
    needs: tuple[str, ...]
    group: tuple[str, ...]

    @property
    def resource_type(self) -> str:
        """The FHIR type."""
        return str(self.resource["resourceType"])

    @property
    def references(self) -> list[Reference]:
        """All that it refers to, each once."""
        found = {r.name: r for r in _references(self.resource)} | {n: Reference(n) for n in self.needs}
        return list(found.values())


@dataclass(frozen=True)
class FileKind:
    """One kind of file, told by its header: a file that has all these columns is of this kind.

    `key` is set for a file that is a value table; its rows make no resources.
    """

    name: str
    columns: tuple[CsvColumn, ...]
    templates: tuple[Template, ...] = ()
    key: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names in order."""
        return tuple(c.name for c in self.columns)


@dataclass(frozen=True)
class CsvMapping:
    """A whole mapping; `version` is a hash of its text."""

    name: str
    title: str
    version: str
    encoding: str
    delimiter: str
    constants: Mapping[str, str]
    kinds: tuple[FileKind, ...]
    tables: tuple[ValueTable, ...]

    @property
    def prefix(self) -> str:
        """What all ids begin with, so that those of different extracts never meet."""
        return self.name.replace("_", "-") + "-"

    def kind(self, name: str) -> FileKind:
        """The kind of file of that name."""
        return next(k for k in self.kinds if k.name == name)

    def kind_of(self, header: Sequence[str]) -> FileKind | None:
        """The kind whose columns are all in a header: the one with most columns; None if none is."""
        fitting = [k for k in self.kinds if set(k.names) <= set(header)]
        return max(fitting, key=lambda k: len(k.columns), default=None)

    def tables_of(self, kind: FileKind) -> list[ValueTable]:
        """The value tables whose column the files of this kind have; none for a file that is a table itself."""
        return [] if kind.key else [t for t in self.tables if t.column in kind.names]


def _references(node: Any) -> Iterator[Reference]:
    if isinstance(node, str):
        yield from (p for p in parts(node[1:] if number_reference(node) else node) if isinstance(p, Reference))
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def available() -> list[str]:
    """Names of the mappings that ship."""
    return sorted(f.name[:-5] for f in _folder().iterdir() if f.name.endswith(".json"))


def load_mapping(name: str) -> CsvMapping:
    """The mapping catalog/mappings/NAME.json; raises InvalidMapping if there is none or it is wrong."""
    file = _folder().joinpath(f"{name}.json")
    if not _NAME.fullmatch(name) or not file.is_file():
        raise InvalidMapping(f"There is no mapping {name!r}; there are {', '.join(available())}.")
    return read_mapping(name, file.read_text(encoding="utf-8"))


def read_mapping(name: str, text: str) -> CsvMapping:
    """The mapping in a JSON text; raises InvalidMapping, with one sentence for the first thing that is wrong."""
    from catalog.mapping_checks import problems

    if not _NAME.fullmatch(name):
        raise InvalidMapping(f"A mapping is named in small letters, digits and _, up to 31; {name!r} is not.")
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise InvalidMapping(f"Mapping {name} is not JSON: {error}.") from error
    try:
        found = _mapping(name, raw, hashlib.sha256(text.encode()).hexdigest()[:16])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidMapping(
            f"Mapping {name} is not built as a mapping is: {type(error).__name__}: {error}."
        ) from error
    for problem in problems(found):
        raise InvalidMapping(f"Mapping {name}: {problem}.")
    return found


def _folder() -> Traversable:
    return files("catalog").joinpath("mappings")


def _mapping(name: str, raw: Mapping[str, Any], version: str) -> CsvMapping:
    nulls = tuple(raw.get("nulls", []))
    prefix = name.replace("_", "-") + "-"
    return CsvMapping(
        name=name,
        title=raw["title"],
        version=version,
        encoding=raw.get("encoding", "utf-8"),
        delimiter=raw.get("delimiter", ","),
        constants=dict(raw.get("constants", {})),
        kinds=tuple(_kind(k, f, nulls, prefix) for k, f in raw["files"].items()),
        tables=tuple(_table(k, t) for k, t in raw.get("tables", {}).items()),
    )


def _kind(name: str, raw: Mapping[str, Any], nulls: tuple[str, ...], prefix: str) -> FileKind:
    columns = tuple(_column(c, spec, nulls) for c, spec in raw["columns"].items())
    templates = [t for spec in raw.get("resources", []) for t in _templates(spec, prefix)]
    return FileKind(name, columns, tuple(templates), raw.get("key", ""))


def _column(name: str, raw: Mapping[str, Any], nulls: tuple[str, ...]) -> CsvColumn:
    kind = raw.get("type", "text")
    return CsvColumn(
        name=name,
        kind=kind,
        nulls=tuple(raw.get("nulls", nulls)),
        values=tuple(raw.get("values", [])),
        format=raw.get("format", ""),
        zone=raw.get("zone", "UTC"),
        is_required=raw.get("required", kind == "id"),
    )


def _table(name: str, raw: Mapping[str, Any]) -> ValueTable:
    return ValueTable(
        name=name,
        column=raw["column"],
        entries=raw.get("entries", {}),
        file=raw.get("file", ""),
        is_closed=raw.get("closed", True),
        where=_where(raw),
    )


def _where(raw: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {column: tuple(values) for column, values in raw.get("where", {}).items()}


def _templates(raw: Mapping[str, Any], prefix: str) -> Iterator[Template]:
    """One template for each item of `each`, whose `<name>`s are put in; else one."""
    text = json.dumps({k: v for k, v in raw.items() if k != "each"})
    for item in raw.get("each", [{}]):
        said = text
        for key, value in item.items():
            said = said.replace(f"<{key}>", json.dumps(value)[1:-1])
        spec = json.loads(said)
        resource = {**_prefixed(spec["resource"], prefix), "id": prefix + spec["resource"]["id"]}
        yield Template(resource, _where(spec), tuple(spec.get("needs", [])), tuple(spec.get("group", [])))


def _prefixed(node: Any, prefix: str) -> Any:
    """The same with the prefix in each literal reference `Type/id`."""
    if isinstance(node, dict):
        return {
            key: value.replace("/", f"/{prefix}", 1)
            if key == "reference" and isinstance(value, str)
            else _prefixed(value, prefix)
            for key, value in node.items()
        }
    return [_prefixed(item, prefix) for item in node] if isinstance(node, list) else node
