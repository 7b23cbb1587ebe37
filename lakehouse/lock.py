"""One writer a lake at a time: a lock that goes when its holder dies, however it dies.

Embedded it is the operating system's, on a file. On servers it is PostgreSQL's, held by a connection of its own: where
that breaks, another writer may begin, and what keeps the two apart then is that main moves only from where it was seen.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from lakehouse import profile
from lakehouse.errors import Conflict, EnvironmentFailed
from lakehouse.settings import Settings

_LOCK = 0x6C616B65  # "lake"; databases have their own locks, so lakes do not meet
_FILES_LOCK = 0x66696C65  # "file"
_HOLDER = sa.text(
    "SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid) "
    "WHERE locktype = 'advisory' AND granted AND objid = :lock AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())"
)


@contextmanager
def writing(settings: Settings) -> Iterator[None]:
    """Hold the lake's write lock; raises Conflict, with the holder's process id, if another process has it."""
    with _held(settings, _LOCK, "lake.lock", "is writing to this lake"):
        yield


@contextmanager
def keeping_files(settings: Settings) -> Iterator[None]:
    """Hold the right to rely on files that no table needs any more, or to delete them.

    A backup holds it while it copies, upkeep while it deletes; neither keeps a run from writing. Raises Conflict.
    """
    with _held(settings, _FILES_LOCK, "files.lock", "is backing up or tidying the files of this lake"):
        yield


@contextmanager
def _held(settings: Settings, lock: int, file: str, refusal: str) -> Iterator[None]:
    on_servers = profile.is_on_servers(settings)
    with _server_lock(settings, lock, refusal) if on_servers else _file_lock(settings, file, refusal):
        yield


@contextmanager
def _server_lock(settings: Settings, lock: int, refusal: str) -> Iterator[None]:
    engine = profile.control_engine(settings)
    try:
        db = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        # Told to everyone who looks at who holds what, so that a refused writer can name the holder.
        name = f"carelake {socket.gethostname()} process {os.getpid()}"
        db.execute(sa.select(sa.func.set_config("application_name", name, False)))
        is_held = db.execute(sa.select(sa.func.pg_try_advisory_lock(lock))).scalar()
        holder = None if is_held else db.execute(_HOLDER, {"lock": lock}).scalar() or "unknown"
    except sa.exc.OperationalError as error:
        raise profile.unreachable(settings) from error
    try:
        if holder:
            raise Conflict(f"Another process ({holder}) {refusal}; wait for it and run again.")
        yield
    finally:
        db.invalidate()  # closes the connection, and with it the lock, also where it is broken
        engine.dispose()


@contextmanager
def _file_lock(settings: Settings, name: str, refusal: str) -> Iterator[None]:
    path = settings.root / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise EnvironmentFailed(f"{path} can't be written ({error.strerror}); set LAKE_HOME elsewhere.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise Conflict(f"Another process (id {holder}) {refusal}; wait for it and run again.") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
