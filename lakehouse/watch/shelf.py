"""What the Iceberg catalog tells those who watch: where each table stands, how big it is, how many records landed.

Metadata files never change, so each is read once and what it says is kept.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from catalog.tables.bronze import FHIR_RESOURCE
from lakehouse.errors import EnvironmentFailed
from lakehouse.places import POINTERS
from lakehouse.profile import catalog_engine, has_catalog, iceberg_catalog
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyiceberg.table import Table as LiveTable

_RUN_ID = "carelake.run-id"  # as lakehouse.tables stamps it


@dataclass(frozen=True)
class TableReading:
    """A table as its metadata shows it. Snapshot and instant are null while it is empty; `rows` counts deleted ones."""

    name: str
    snapshot_id: int | None = None
    committed_at: datetime | None = None
    rows: int = 0
    bytes: int = 0
    data_files: int = 0
    delete_files: int = 0
    snapshots: int = 0
    metadata_versions: int = 0


@dataclass(frozen=True)
class Shelf:
    """All tables at one moment; `on_main` are ids of runs whose snapshots readers see. `_places` tells two apart."""

    tables: Mapping[str, TableReading]
    on_main: frozenset[str]
    _places: Mapping[str, str]

    def is_as(self, other: "Shelf") -> bool:
        """Whether no table has moved between them."""
        return self._places == other._places


class ShelfReader:
    """Reads the catalog of one lake, and remembers what can't change."""

    def __init__(self, settings: Settings) -> None:
        """Opens nothing yet."""
        self._settings = settings
        self._access: dict[str, str] | None = None
        self._said: dict[str, tuple[TableReading, frozenset[str]]] = {}
        self._landed: dict[int, Mapping[str, int]] = {}

    def read(self) -> Shelf:
        """The tables as of now.

        Raises EnvironmentFailed where there is no catalog, or where it or its files can't be read.
        """
        places = pointers(self._settings)
        said = {name: self._said.get(place) or self._look(name, place) for name, place in places.items()}
        self._said = {places[name]: found for name, found in said.items()}
        tables = {name: reading for name, (reading, _) in said.items()}
        return Shelf(tables, frozenset().union(*(ids for _, ids in said.values())), places)

    def landed(self, shelf: Shelf, snapshot_id: int) -> Mapping[str, int] | None:
        """Rows of bronze.fhir_resource by resource type as of a snapshot, from its manifests; null if it is gone."""
        if snapshot_id not in self._landed:
            live = self._open(shelf._places[FHIR_RESOURCE.name])
            snapshot = live.snapshot_by_id(snapshot_id)
            if snapshot is None:
                return None
            self._landed[snapshot_id] = _rows_by_type(live, snapshot)
        return self._landed[snapshot_id]

    def _open(self, place: str) -> "LiveTable":
        from pyiceberg.table import StaticTable

        return StaticTable.from_metadata(place, self._properties())

    def _properties(self) -> dict[str, str]:
        """How to get at the files."""
        if self._access is None:
            self._access = dict(iceberg_catalog(self._settings).properties)
        return self._access

    def _look(self, name: str, place: str) -> tuple[TableReading, frozenset[str]]:
        from pyiceberg.io import load_file_io

        try:
            io = load_file_io(self._properties(), place)
            with io.new_input(place).open() as file:
                metadata = json.loads(file.read())
        except (OSError, ValueError) as error:
            raise EnvironmentFailed(
                f"The metadata of {name} can't be read: `lake doctor` looks at the rest."
            ) from error
        return _reading(name, metadata), _on_main(metadata)


def pointers(settings: Settings) -> dict[str, str]:
    """By table the place of its current metadata, in one statement.

    Raises EnvironmentFailed where there is no catalog or it does not answer.
    """
    if not has_catalog(settings):
        raise EnvironmentFailed("There is no lake yet: `make demo` or `lake ingest` makes it.")
    engine = catalog_engine(settings)
    try:
        with engine.connect() as db:
            return {f"{space}.{name}": place for space, name, place in db.execute(sa.text(POINTERS))}
    except sa.exc.SQLAlchemyError as error:
        raise EnvironmentFailed("The catalog can't be read: `lake doctor` shows why.") from error
    finally:
        engine.dispose()


def _reading(name: str, metadata: Mapping[str, Any]) -> TableReading:
    snapshots = metadata.get("snapshots", ())
    versions = len(metadata.get("metadata-log", ())) + 1
    current = next((s for s in snapshots if s["snapshot-id"] == metadata.get("current-snapshot-id")), None)
    if current is None:
        return TableReading(name, snapshots=len(snapshots), metadata_versions=versions)
    said = current.get("summary", {})

    def total(figure: str) -> int:
        return int(said.get(f"total-{figure}", 0))

    return TableReading(
        name,
        int(current["snapshot-id"]),
        datetime.fromtimestamp(current["timestamp-ms"] / 1000, UTC),
        total("records") - total("position-deletes"),
        total("files-size"),
        total("data-files"),
        total("delete-files"),
        len(snapshots),
        versions,
    )


def _on_main(metadata: Mapping[str, Any]) -> frozenset[str]:
    by_id = {s["snapshot-id"]: s for s in metadata.get("snapshots", ())}
    at = metadata.get("current-snapshot-id")
    found = set()
    while at in by_id:
        found.add(by_id[at].get("summary", {}).get(_RUN_ID, ""))
        at = by_id[at].get("parent-snapshot-id")
    return frozenset(found)


def _rows_by_type(live: "LiveTable", snapshot: Any) -> Mapping[str, int]:
    from pyiceberg.manifest import DataFileContent

    column = live.schema().find_field("resource_type").field_id
    places = {i: [f.source_id for f in spec.fields].index(column) for i, spec in live.specs().items()}
    rows: Counter[str] = Counter()
    for manifest in snapshot.manifests(live.io):
        for entry in manifest.fetch_manifest_entry(live.io, discard_deleted=True):
            file = entry.data_file
            sign = 1 if file.content is DataFileContent.DATA else -1
            rows[file.partition[places[manifest.partition_spec_id]]] += sign * file.record_count
    return dict(rows)
