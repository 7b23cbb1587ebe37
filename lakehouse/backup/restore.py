"""Restoring a backup into an empty place: files first, then the control database, the catalog's pointers last.

Until the pointers are in, in one transaction, no reader sees a table; a restore that was killed is completed by
running it again, for what it has put there is the backup's own.
"""

import io
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace

import sqlalchemy as sa

from lakehouse import profile
from lakehouse.accounts import ACCOUNTS, open_accounts
from lakehouse.backup import control_dump
from lakehouse.backup.control_dump import Content
from lakehouse.backup.files import Files, is_inside
from lakehouse.backup.make import Progress, check_space, silent
from lakehouse.backup.moment import (
    Pointers,
    catalog_metadata,
    iceberg_namespaces,
    iceberg_tables,
    moment,
    read_pointers,
)
from lakehouse.backup.pool import Manifest, Pool, Stored
from lakehouse.backup.reach import reach
from lakehouse.control import open_control
from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.lock import keeping_files, writing
from lakehouse.settings import Settings

_THREADS = 4


@dataclass(frozen=True)
class Restored:
    """What a restore did, or would do. `has_other_accounts`: there were accounts already, which stayed."""

    manifest: Manifest
    files: int
    new_files: int
    new_bytes: int
    has_other_accounts: bool = False


def restore(
    settings: Settings,
    source: str,
    backup_id: str = "",
    *,
    dry_run: bool = False,
    with_accounts: bool = False,
    progress: Progress = silent,
) -> Restored:
    """Put a backup (the newest, if none is named) where its lake was, and check that all of it is there.

    Raises InputError where the place is another one or is not empty, EnvironmentFailed where the backup is damaged or
    the disk too small; then no table is to be seen.
    """
    pool = Pool(settings, source)
    manifest = pool.manifest(backup_id)
    _refuse_elsewhere(settings, manifest)
    if with_accounts and not manifest.private:
        raise InputError("The backup was made without the dashboard's accounts; restore without --with-accounts.")
    with ExitStack() as locks:
        if not dry_run:
            locks.enter_context(writing(settings))
            locks.enter_context(keeping_files(settings))
        has_control = _look_where_it_goes(settings, manifest)
        stored = list(pool.stored(manifest))
        missing = _missing(settings, stored, progress)
        found = Restored(manifest, len(stored), len(missing), sum(s.bytes for s in missing))
        check_space(None if profile.is_on_servers(settings) else settings.root, found.new_bytes)
        if dry_run:
            return found
        _restore_files(pool, missing, progress)
        if with_accounts:
            found = replace(found, has_other_accounts=_restore_private(settings, pool, manifest))
        if manifest.control and not has_control:
            progress("Restoring the control database", 0, 1)
            _restore_control(settings, pool, manifest.control)
        progress("Restoring the catalog", 0, 1)
        _restore_pointers(settings, manifest)
        check_restored(settings, manifest, progress)
    return found


def check_restored(settings: Settings, manifest: Manifest, progress: Progress = silent) -> None:
    """Raise EnvironmentFailed unless the lake is, table by table, what the backup says."""
    if not _same(read_pointers(settings), manifest):
        raise EnvironmentFailed("The catalog does not hold the tables of the backup; run the restore again.")
    files = Files(settings)
    properties = profile.iceberg_catalog(settings).properties
    for number, table in enumerate(manifest.tables, 1):
        found = reach(table.pointer["metadata_location"], properties)
        for location, size in found.files.items():
            there = files.size(location)
            if there is None or (size is not None and size != there):
                raise EnvironmentFailed(f"{location} of {table.name} is not whole after the restore; run it again.")
        told = (table.snapshot_id, table.rows, table.deleted_rows, table.data_files)
        if (found.snapshot_id, found.rows, found.deleted_rows, found.data_files) != told:
            raise EnvironmentFailed(f"{table.name} does not hold the rows that were backed up; run the restore again.")
        progress("Checking tables", number, len(manifest.tables))
    if manifest.control and _content(settings).digest != manifest.control["digest"]:
        raise EnvironmentFailed("The control database does not hold the rows that were backed up; restore again.")


def _refuse_elsewhere(settings: Settings, manifest: Manifest) -> None:
    if manifest.warehouse != profile.warehouse(settings):
        raise InputError(
            f"The backup is of the lake at {manifest.warehouse}, and Iceberg tables name their files by that place: "
            f"it can't be restored at {profile.warehouse(settings)}. Set LAKE_HOME (embedded) or LAKE_BUCKET and "
            f"LAKE_NAME (stack) as they were; the servers may be others."
        )


def _look_where_it_goes(settings: Settings, manifest: Manifest) -> bool:
    """Whether the control database is restored already; InputError where something else is there."""
    pointers, content = read_pointers(settings), _content(settings)
    is_restored = bool(manifest.control) and content.digest == manifest.control["digest"]
    if (is_restored or not content.rows) and (
        not (pointers.tables or pointers.namespaces) or _same(pointers, manifest)
    ):
        return is_restored
    raise InputError(
        f"{profile.place(settings)} has tables or runs already, and they are not those of backup "
        f"{manifest.backup_id}: a backup is restored into an empty place only. Move that lake away first."
    )


def _same(pointers: Pointers, manifest: Manifest) -> bool:
    return pointers == Pointers(tuple(dict(t.pointer) for t in manifest.tables), tuple(map(dict, manifest.namespaces)))


def _content(settings: Settings) -> Content:
    with moment(settings) as found:
        return control_dump.dump(found.control, None) if found.control is not None else Content({}, "")


def _missing(settings: Settings, stored: list[Stored], progress: Progress) -> list[Stored]:
    """Files that are not there, or not whole."""
    above, files = profile.warehouse(settings), Files(settings)
    for each in stored:
        if not is_inside(each.location, above):
            raise InputError(f"The backup would write {each.location}, which is not in {above}: it is not restored.")
    there = []
    for number, each in enumerate(stored, 1):
        there.append(files.digest(each.location) == (each.sha256, each.bytes))
        progress("Looking at what is there", number, len(stored))
    return [each for each, is_there in zip(stored, there, strict=True) if not is_there]


def _restore_files(pool: Pool, missing: list[Stored], progress: Progress) -> None:
    def one(each: Stored) -> int:
        try:
            with pool.files.open(pool.place_of(each.sha256)) as source:
                pool.files.write(each.location, source, each.sha256)
        except FileNotFoundError as error:
            raise EnvironmentFailed(
                f"The backup lacks {each.location}; `lake backup --verify {pool.place}` tells what else is damaged."
            ) from error
        return each.bytes

    total, done = sum(s.bytes for s in missing), 0
    with ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="restore") as threads:
        try:
            for size in threads.map(one, missing):
                done += size
                progress("Restoring files", done, total)
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise


def _restore_private(settings: Settings, pool: Pool, manifest: Manifest) -> bool:
    """Never in the place of what is there, unless that is a file without accounts; whether other accounts stay."""
    accounts = settings.root / ACCOUNTS
    if accounts.exists() and not open_accounts(settings).all():
        accounts.unlink()  # whoever asks for accounts makes the file: a fresh stack has one without any
    for name, where in manifest.private.items():
        if not (settings.root / name).exists():
            pool.files.write(str(settings.root / name), io.BytesIO(pool.take(where)), where["sha256"])
    backed_up = manifest.private.get(ACCOUNTS, {})
    return pool.files.digest(str(accounts)) not in (None, (backed_up.get("sha256"), backed_up.get("bytes")))


def _restore_control(settings: Settings, pool: Pool, where: Mapping[str, object]) -> None:
    packed = pool.take(where)
    open_control(settings)  # makes its tables
    engine = profile.control_engine(settings)
    try:
        with engine.begin() as db:
            control_dump.load(db, io.BytesIO(packed))
    finally:
        engine.dispose()


def _restore_pointers(settings: Settings, manifest: Manifest) -> None:
    if read_pointers(settings).tables:
        return  # they are the backup's: what else is there was refused
    engine = profile.catalog_engine(settings)
    try:
        catalog_metadata.create_all(engine)
        with engine.begin() as db:
            for table, rows in (
                (iceberg_namespaces, [dict(row) for row in manifest.namespaces]),
                (iceberg_tables, [dict(t.pointer) for t in manifest.tables]),
            ):
                if rows:
                    db.execute(sa.delete(table))
                    db.execute(sa.insert(table), rows)
    finally:
        engine.dispose()
