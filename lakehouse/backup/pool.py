"""A place of backups: one manifest a backup, and a pool of files that all of them share, named by their SHA-256.

```
DEST/backups/<id>.json     a manifest; it is written last, so what has none is no backup
DEST/objects/ab/ab12…      a file of the lake, the list of a backup's files, or a dump of the control database
DEST/unfinished.jsonl      what a backup that has not ended put into the pool; the next one goes on from there
```
"""

import gzip
import hashlib
import io
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lakehouse.backup.files import Files, measured
from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.places import local_path
from lakehouse.settings import Settings

FORMAT = 1


@dataclass(frozen=True)
class Stored:
    """A file of the lake in the pool."""

    location: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class TableState:
    """A table at the moment of the backup: its row in the catalog, and what its head held."""

    pointer: Mapping[str, Any]
    snapshot_id: int | None
    rows: int
    deleted_rows: int
    data_files: int

    @property
    def name(self) -> str:
        """Namespace and table."""
        return f"{self.pointer['table_namespace']}.{self.pointer['table_name']}"


@dataclass(frozen=True)
class Manifest:
    """What one backup consists of; `control` and `private` may be empty."""

    backup_id: str
    made_at: str
    warehouse: str
    tables: tuple[TableState, ...]
    namespaces: tuple[Mapping[str, Any], ...]
    files: Mapping[str, Any]
    control: Mapping[str, Any]
    private: Mapping[str, Mapping[str, Any]]
    format: int = FORMAT


class Pool:
    """Backups at one place."""

    def __init__(self, settings: Settings, place: str) -> None:
        self.files = Files(settings)
        folder = local_path(place)
        self.place = str(folder.expanduser().absolute()) if folder else place.rstrip("/")
        self.folder = Path(self.place) if folder else None

    def prepare(self) -> None:
        """Make the folders, for their owner alone."""
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for name in ("backups", "objects"):
                (self.folder / name).mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise EnvironmentFailed(f"{self.place} can't be written ({error.strerror}); name another place.") from error

    def place_of(self, sha256: str) -> str:
        """Where the pool has the file of that checksum."""
        return f"{self.place}/objects/{sha256[:2]}/{sha256}"

    def holds(self, sha256: str, size: int) -> bool:
        """Whether the pool has it, whole."""
        return self.files.size(self.place_of(sha256)) == size

    def put(self, data: bytes) -> dict[str, Any]:
        """Keep these bytes; returns how to find them again."""
        sha256 = hashlib.sha256(data).hexdigest()
        if not self.holds(sha256, len(data)):
            self._make_room(sha256)
            self.files.write(self.place_of(sha256), io.BytesIO(data), sha256)
        return {"sha256": sha256, "bytes": len(data)}

    def add(self, location: str) -> tuple[str, int]:
        """Copy a file into the pool; returns its SHA-256 and bytes. Raises FileNotFoundError."""
        if self.folder is None:  # objects can't be renamed: their name has to be known before
            with self.files.open(location) as source:
                sha256, size = measured(source)
            if not self.holds(sha256, size):
                with self.files.open(location) as source:
                    self.files.write(self.place_of(sha256), source, sha256)
            return sha256, size
        incoming = self.folder / "objects" / f".tmp-{uuid.uuid4().hex}"
        try:
            with self.files.open(location) as source:
                sha256, size = self.files.write(str(incoming), source)
            self._make_room(sha256)
            os.replace(incoming, self.place_of(sha256))
        finally:
            incoming.unlink(missing_ok=True)
        return sha256, size

    def take(self, where: Mapping[str, Any]) -> bytes:
        """The bytes back; raises EnvironmentFailed where they are missing or not what they were."""
        try:
            with self.files.open(self.place_of(where["sha256"])) as source:
                data = source.read()
        except FileNotFoundError:
            data = b""
        if hashlib.sha256(data).hexdigest() != where["sha256"]:
            raise EnvironmentFailed(f"{self.place_of(where['sha256'])} is missing or damaged; take another backup.")
        return data

    def ids(self) -> list[str]:
        """All backups, oldest first."""
        found = self.files.listed(f"{self.place}/backups")
        names = [location.rsplit("/", 1)[1] for location in found]
        return sorted(name.removesuffix(".json") for name in names if name.endswith(".json") and name[0] != ".")

    def manifest(self, backup_id: str = "") -> Manifest:
        """That backup, or the newest; InputError if there is none, EnvironmentFailed if its manifest is damaged."""
        ids = self.ids()
        if not ids or (backup_id and backup_id not in ids):
            which = f"no backup {backup_id!r}" if backup_id else "no backup"
            raise InputError(
                f"There is {which} in {self.place}; `lake backup --list {self.place}` shows what there is."
            )
        path = self._manifest_place(backup_id or ids[-1])
        with self.files.open(path) as source:
            text = source.read()
        try:
            return _parsed(text)
        except (ValueError, KeyError, TypeError) as error:
            raise EnvironmentFailed(
                f"{path} is damaged or of another format; take another backup (--backup)."
            ) from error

    def publish(self, manifest: Manifest) -> None:
        """Make it a backup: from here on it is listed and can be restored."""
        if self.folder is not None:
            os.sync()  # a manifest must not outlive, in a power cut, the files that it speaks of
        self.files.write(self._manifest_place(manifest.backup_id), io.BytesIO(_written(manifest)))

    def withdraw(self, backup_id: str) -> None:
        """Take a backup out of the list; its files stay until `sweep`."""
        self.files.delete(self._manifest_place(backup_id))

    def stored(self, manifest: Manifest) -> Iterator[Stored]:
        """The files of the lake in a backup."""
        for line in gzip.decompress(self.take(manifest.files)).splitlines():
            yield Stored(*json.loads(line))

    def put_list(self, stored: Iterable[Stored]) -> dict[str, Any]:
        """Keep a backup's list of files."""
        listed = sorted(stored, key=lambda s: s.location)
        lines = "\n".join(json.dumps([s.location, s.sha256, s.bytes], ensure_ascii=False) for s in listed)
        totals = {"count": len(listed), "total_bytes": sum(s.bytes for s in listed)}
        return self.put(gzip.compress(lines.encode(), mtime=0)) | totals

    def _make_room(self, sha256: str) -> None:
        """Make the folder of an object, for its owner alone."""
        if self.folder is not None:
            Path(self.place_of(sha256)).parent.mkdir(exist_ok=True, mode=0o700)

    def _manifest_place(self, backup_id: str) -> str:
        return f"{self.place}/backups/{backup_id}.json"


def _written(manifest: Manifest) -> bytes:
    said = asdict(manifest)
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    seal = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({"sha256": seal, "backup": said}, indent=1, sort_keys=True, ensure_ascii=False).encode()


def _parsed(text: bytes) -> Manifest:
    whole = json.loads(text)
    said = whole["backup"]
    sealed = json.dumps(said, sort_keys=True, ensure_ascii=False).encode()
    if said["format"] != FORMAT or hashlib.sha256(sealed).hexdigest() != whole["sha256"]:
        raise ValueError("the manifest is not as it was written")
    tables = tuple(TableState(**table) for table in said.pop("tables"))
    return Manifest(**said | {"tables": tables, "namespaces": tuple(said["namespaces"])})
