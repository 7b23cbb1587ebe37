"""Class-data sharing: Spark's JVM starts with its classes as an earlier one laid them out, and not out of 250 jars.

The first JVM writes the archive when it ends. Each later one sees for itself whether the archive is of this Java and
of these jars, and starts without where it is not.
"""

import hashlib
import os
import time
from pathlib import Path

from lakehouse.settings import Settings

USED = "SharedArchiveFile"
"""In the options of a JVM that uses the archive."""
_QUIET = "-Xlog:cds*=off"  # it would tell of each class that it can't keep, among what a command prints
_WRITING_SECONDS = 60


def options(settings: Settings, java_home: Path) -> str:
    """What Spark's JVM is told at its start: to use the archive, or, where there is none yet, to write one at its end.

    Empty where this Java can't keep any, nobody may write to the cache, or another JVM is writing just now.
    """
    archive = _archive(settings, java_home)
    if archive is None:
        return ""
    if _is_whole(archive):
        return f"{_option(USED, archive)} {_QUIET}"
    try:
        if archive.exists() and time.time() - archive.stat().st_mtime < _WRITING_SECONDS:
            return ""
        archive.parent.mkdir(parents=True, exist_ok=True)
        _noted_size(archive).unlink(missing_ok=True)
    except OSError:
        return ""
    if not os.access(archive.parent, os.W_OK):
        return ""
    return f"{_option('ArchiveClassesAtExit', archive)} {_QUIET}"


def forget(settings: Settings, java_home: Path) -> bool:
    """Delete the archive, for a JVM that should have used it did not start; False where none is gone now."""
    archive = _archive(settings, java_home)
    if archive is None or not _is_whole(archive):
        return False
    try:
        archive.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _archive(settings: Settings, java_home: Path) -> Path | None:
    """Where the classes of this Java and this Spark are kept; None for a Java that came without classes of its own."""
    import pyspark

    base = java_home / "lib" / "server" / "classes.jsa"
    jars = Path(pyspark.__file__).parent / "jars"
    if not (base.exists() and jars.exists()):
        return None
    seen = " ".join(f"{path.resolve()} {path.stat().st_mtime_ns}" for path in (base, jars))
    return settings.cache_dir / "classes" / f"{hashlib.sha256(seen.encode()).hexdigest()[:16]}.jsa"


def _is_whole(archive: Path) -> bool:
    """Whether a JVM came to the end of writing, for what the file begins with is written last, and nothing was cut off.

    A JVM would die of what was: so the size is noted when the file is first met.
    """
    noted = _noted_size(archive)
    try:
        with archive.open("rb") as file:
            has_begin = any(file.read(4))
        size = str(archive.stat().st_size)
        if has_begin and not noted.exists():
            noted.write_text(size, encoding="utf-8")
        return has_begin and noted.read_text(encoding="utf-8") == size
    except OSError:
        return False


def _noted_size(archive: Path) -> Path:
    return archive.with_suffix(".size")


def _option(name: str, path: Path) -> str:
    quoted = str(path.resolve()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"-XX:{name}={quoted}"'
