"""One writer a lake at a time: a lock that the operating system releases when its holder dies, however it dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from lakehouse.errors import Conflict, EnvironmentFailed
from lakehouse.settings import Settings


@contextmanager
def writing(settings: Settings) -> Iterator[None]:
    """Hold the lake's write lock; raises Conflict, with the holder's process id, if another process has it."""
    path = settings.root / "lake.lock"
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
            raise Conflict(
                f"Another process (id {holder}) is writing to this lake; wait for it and run again."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
