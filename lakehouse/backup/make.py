"""Making a backup: one moment of the lake, and into the pool what is not in it yet."""

import io
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lakehouse.accounts import ACCOUNTS
from lakehouse.backup.control_dump import Content, dump
from lakehouse.backup.files import Files, is_inside
from lakehouse.backup.journal import Journal
from lakehouse.backup.moment import Pointers, moment, read_pointers
from lakehouse.backup.pool import Manifest, Pool, Stored, TableState
from lakehouse.backup.reach import reach
from lakehouse.errors import Conflict, EnvironmentFailed, InputError
from lakehouse.lock import keeping_files
from lakehouse.profile import has_control, iceberg_catalog, place, warehouse
from lakehouse.settings import Settings

Progress = Callable[[str, int, int], None]
_THREADS = 4
_KEY = "dashboard.key"


def silent(_what: str, _done: int, _total: int) -> None:
    """Tell no one."""


@dataclass(frozen=True)
class Plan:
    """What a backup would hold, and what of it has to be copied."""

    tables: tuple[TableState, ...]
    files: int
    bytes: int
    new_files: int
    new_bytes: int


@dataclass(frozen=True)
class Made:
    """A backup that was made, and what its place got rid of."""

    plan: Plan
    manifest: Manifest
    pruned: tuple[str, ...]


@dataclass(frozen=True)
class _Look:
    """One moment, followed to its files: bytes by location, `history` those that may be gone."""

    at: datetime
    pointers: Pointers
    content: Content | None
    control: bytes
    tables: tuple[TableState, ...]
    files: Mapping[str, int]
    history: Mapping[str, int]
    known: Mapping[str, Stored]

    @property
    def missing(self) -> dict[str, int]:
        """What the pool does not have yet."""
        return {place: size for place, size in (*self.files.items(), *self.history.items()) if place not in self.known}

    def plan(self) -> Plan:
        """The same in figures."""
        sizes = (*self.files.values(), *self.history.values())
        return Plan(self.tables, len(sizes), sum(sizes), len(self.missing), sum(self.missing.values()))


def plan_backup(settings: Settings, destination: str, progress: Progress = silent) -> Plan:
    """What a backup would do, changing nothing."""
    with keeping_files(settings):
        return _look(settings, Pool(settings, destination), progress).plan()


def back_up(
    settings: Settings, destination: str, *, keep: int = 0, with_accounts: bool = False, progress: Progress = silent
) -> Made:
    """Make a backup; `keep` is how many then stay (0: all).

    Killed at any time, what there is of it is no backup, and the next one does not copy the same files again. Runs go
    on meanwhile; upkeep, which deletes files, does not. Raises InputError where there is no lake or the place has
    backups of another one, EnvironmentFailed where the disk is too small.
    """
    pool = Pool(settings, destination)
    with keeping_files(settings):
        look = _look(settings, pool, progress)
        plan = look.plan()
        check_space(pool.folder, plan.new_bytes + len(look.control))
        pool.prepare()
        stored = _copied(pool, look, progress)
        content = look.content
        progress("Writing the manifest", 0, 1)
        manifest = Manifest(
            backup_id=f"{look.at:%Y%m%dT%H%M%S.%fZ}",
            made_at=look.at.isoformat(timespec="seconds"),
            warehouse=warehouse(settings),
            tables=look.tables,
            namespaces=look.pointers.namespaces,
            files=pool.put_list(stored),
            control=pool.put(look.control) | {"rows": content.rows, "digest": content.digest} if content else {},
            private={name: pool.put(data) for name, data in _private(settings)} if with_accounts else {},
        )
        pool.publish(manifest)
        progress("Writing the manifest", 1, 1)
        Journal(pool).forget()
        return Made(plan, manifest, prune(pool, keep))


def check_space(folder: Path | None, needed: int) -> None:
    """Raise EnvironmentFailed if the disk of a folder has no room; an object store (None) does not say."""
    if folder is None:
        return
    standing = next(f for f in (folder, *folder.parents) if f.exists())
    free = shutil.disk_usage(standing).free
    if needed > free:
        raise EnvironmentFailed(
            f"{folder} has {free:,} bytes free and {needed:,} are needed, {needed - free:,} more: free them, or name "
            f"another place. Nothing was written."
        )


def prune(pool: Pool, keep: int) -> tuple[str, ...]:
    """Let go all but the newest backups, and the files that only they had. 0 keeps all."""
    gone = tuple(pool.ids()[:-keep]) if keep else ()
    if not gone:
        return ()
    for backup_id in gone:
        pool.withdraw(
            backup_id
        )  # first: killed after it, files stay that no backup needs, and the next prune finds them
    needed: set[str] = set()
    for backup_id in pool.ids():
        manifest = pool.manifest(backup_id)
        needed |= {s.sha256 for s in pool.stored(manifest)}
        needed |= {w["sha256"] for w in (manifest.files, manifest.control, *manifest.private.values()) if w}
    for location in list(pool.files.listed(f"{pool.place}/objects")):
        if location.rsplit("/", 1)[1] not in needed:
            pool.files.delete(location)
    return gone


def _look(settings: Settings, pool: Pool, progress: Progress) -> _Look:
    ids = pool.ids()
    last = pool.manifest(ids[-1]) if ids else None
    if last and last.warehouse != warehouse(settings):
        raise InputError(f"{pool.place} has backups of the lake at {last.warehouse}; name another place for this one.")
    if not read_pointers(settings).tables and not has_control(settings):
        raise InputError(f"There is no lake at {place(settings)}, so nothing to back up.")
    packed = io.BytesIO()
    with moment(settings) as found:
        at = datetime.now(UTC)
        content = dump(found.control, packed) if found.control is not None else None
    known = {s.location: s for s in pool.stored(last)} if last else {}
    known |= Journal(pool).read()
    tables, sizes, history = _follow(settings, found.pointers, known, progress)
    whole = {p: s for p, s in known.items() if p in sizes or p in history}
    return _Look(at, found.pointers, content, packed.getvalue(), tables, sizes, history, whole)


def _follow(
    settings: Settings, pointers: Pointers, known: Mapping[str, Stored], progress: Progress
) -> tuple[tuple[TableState, ...], dict[str, int], dict[str, int]]:
    """All tables, the bytes of their files, and those of earlier metadata files."""
    files: dict[str, int | None] = {}
    history: set[str] = set()
    tables = []
    properties = iceberg_catalog(settings).properties if pointers.tables else {}
    for number, row in enumerate(pointers.tables, 1):
        reached = reach(row["metadata_location"], properties)
        files |= reached.files
        history |= set(reached.history)
        tables.append(TableState(row, reached.snapshot_id, reached.rows, reached.deleted_rows, reached.data_files))
        progress("Following tables to their files", number, len(pointers.tables))
    above = warehouse(settings)
    for location in files:
        if not is_inside(location, above):
            raise InputError(f"{location} belongs to a table but is not in {above}, which is all that is backed up.")
    at = Files(settings)
    sizes = {p: _size(at, p, told, known) for p, told in files.items()}
    earlier = {p: _size(at, p, None, known) for p in history - files.keys() if is_inside(p, above)}
    lost = next((p for p, size in sizes.items() if size is None), None)
    if lost:
        raise EnvironmentFailed(f"{lost} is missing, which a table needs: this lake can't be backed up whole.")
    return tuple(tables), _there(sizes), _there(earlier)


def _there(sizes: Mapping[str, int | None]) -> dict[str, int]:
    return {place: size for place, size in sizes.items() if size is not None}


def _size(at: Files, location: str, told: int | None, known: Mapping[str, Stored]) -> int | None:
    if location in known:
        return known[location].bytes
    return told if told is not None else at.size(location)


def _copied(pool: Pool, look: _Look, progress: Progress) -> list[Stored]:
    """All files of the moment, those that were missing now in the pool."""
    journal = Journal(pool)
    stored = [s for s in look.known.values() if pool.holds(s.sha256, s.bytes)]
    held = {s.location for s in stored}
    wanted = [p for p in (*look.files, *look.history) if p not in held]
    total, done = sum(look.missing.values()), 0
    journal.write(s for s in stored)

    def one(location: str) -> Stored | None:
        return _copy(pool, location, may_be_gone=location in look.history)

    with ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="backup") as threads:
        try:
            for copy in threads.map(one, wanted):
                if copy is None:
                    continue
                stored.append(copy)
                journal.note(copy)
                done += copy.bytes
                progress("Copying files", done, total)
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    return stored


def _copy(pool: Pool, location: str, *, may_be_gone: bool) -> Stored | None:
    try:
        return Stored(location, *pool.add(location))
    except FileNotFoundError:
        if may_be_gone:
            return None
        raise Conflict(f"{location} was deleted while it was backed up; run the backup again.") from None


def _private(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """The dashboard's accounts and the key of its sessions, where there are any."""
    if (settings.root / ACCOUNTS).exists():
        with closing(sqlite3.connect(f"file:{settings.root / ACCOUNTS}?mode=ro", uri=True)) as db:
            yield ACCOUNTS, db.serialize()
    if (settings.root / _KEY).exists():
        yield _KEY, (settings.root / _KEY).read_bytes()
