"""Reading a backup again, every byte of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse.backup.make import Progress, silent
from lakehouse.backup.pool import Pool
from lakehouse.settings import Settings


@dataclass(frozen=True)
class Verified:
    """What was read, and the files of the lake that are missing from the backup or damaged in it."""

    backup_id: str
    files: int
    bytes: int
    damaged: tuple[str, ...]


def verify(settings: Settings, source: str, backup_id: str = "", progress: Progress = silent) -> Verified:
    """Hold every file of a backup (the newest, if none is named) against its checksum; changes nothing.

    Raises EnvironmentFailed where its manifest or list of files is damaged.
    """
    pool = Pool(settings, source)
    manifest = pool.manifest(backup_id)
    stored = list(pool.stored(manifest))
    wanted = [(each.location, each.sha256, each.bytes) for each in stored]
    extra: Mapping[str, Mapping[str, Any]] = {
        **({"the control database": manifest.control} if manifest.control else {}),
        **manifest.private,
    }
    wanted += [(name, where["sha256"], where["bytes"]) for name, where in extra.items()]
    damaged, done, total = [], 0, sum(size for _, _, size in wanted)
    for name, sha256, size in wanted:
        if pool.files.digest(pool.place_of(sha256)) != (sha256, size):
            damaged.append(name)
        done += size
        progress("Reading the backup", done, total)
    return Verified(manifest.backup_id, len(wanted), total, tuple(damaged))
