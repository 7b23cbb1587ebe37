"""Files by their location, on this machine or in the object store: read, written whole or not at all, listed."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from functools import cached_property
from typing import IO, Any

from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.places import local_path
from lakehouse.profile import is_on_servers
from lakehouse.secrets import read_secret
from lakehouse.settings import Settings

_CHUNK = 4 << 20


class Files:
    """What can be done with a file, wherever it is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _s3(self) -> Any:
        from pyarrow import fs

        if not is_on_servers(self._settings):
            raise InputError("A place in an object store (s3://…) needs LAKE_PROFILE=stack; name a folder instead.")
        scheme, _, host = self._settings.s3.partition("://")
        return fs.S3FileSystem(
            access_key=self._settings.s3_user,
            secret_key=read_secret(self._settings, f"minio-{self._settings.s3_user}"),
            endpoint_override=host,
            scheme=scheme,
            region=self._settings.s3_region,
            connect_timeout=10,
        )

    def open(self, location: str) -> IO[bytes]:
        """The file's bytes; raises FileNotFoundError."""
        path = local_path(location)
        return path.open("rb") if path else self._s3.open_input_stream(_key(location))

    def size(self, location: str) -> int | None:
        """Bytes of the file, None if there is none."""
        path = local_path(location)
        if path:
            return path.stat().st_size if path.is_file() else None
        info = self._s3.get_file_info(_key(location))
        return int(info.size) if info.is_file else None

    def digest(self, location: str) -> tuple[str, int] | None:
        """SHA-256 and bytes of the file as it is now, None if there is none."""
        if self.size(location) is None:
            return None
        with self.open(location) as source:
            return measured(source)

    def write(self, location: str, source: IO[bytes], expected: str | None = None) -> tuple[str, int]:
        """Write all that `source` has; returns its SHA-256 and bytes. Where that is not `expected`, nothing is there.

        A process killed meanwhile leaves no file of that name, and never half of one.
        """
        path = local_path(location)
        if path is None:
            return self._write_object(location, source, expected)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)  # mode 0600
        try:
            with os.fdopen(handle, "wb") as target:
                found = _pour(source, target)
            _check(location, found[0], expected)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
        return found

    def _write_object(self, location: str, source: IO[bytes], expected: str | None) -> tuple[str, int]:
        # Closing the stream completes the object, so what broke off has to be taken away again; a kill completes none.
        try:
            with self._s3.open_output_stream(_key(location)) as target:
                found = _pour(source, target)
            _check(location, found[0], expected)
        except BaseException:
            if self.size(location) is not None:
                self.delete(location)
            raise
        return found

    def delete(self, location: str) -> None:
        """Take the file away; none there is fine."""
        path = local_path(location)
        if path:
            path.unlink(missing_ok=True)
        else:
            self._s3.delete_file(_key(location))

    def listed(self, folder: str) -> Iterator[str]:
        """Locations of all files below a folder; none if there is no such folder."""
        path = local_path(folder)
        if path:
            yield from (str(p) for p in sorted(path.rglob("*")) if p.is_file())
            return
        from pyarrow import fs

        selector = fs.FileSelector(_key(folder), recursive=True, allow_not_found=True)
        yield from sorted(f"s3://{info.path}" for info in self._s3.get_file_info(selector) if info.is_file)


def is_inside(location: str, folder: str) -> bool:
    """Whether a location is inside a folder, without a step up anywhere."""
    path, above = local_path(location), local_path(folder)
    if (path is None) != (above is None) or ".." in location.split("/"):
        return False
    if path and above:
        return above in path.parents
    return location.startswith(f"{folder.rstrip('/')}/")


def measured(source: IO[bytes]) -> tuple[str, int]:
    """SHA-256 and bytes of all that a stream has."""
    return _pour(source, None)


def _key(location: str) -> str:
    if not location.startswith("s3://"):
        raise InputError(f"{location} is neither a folder nor a place in the object store (s3://bucket/prefix).")
    return location.removeprefix("s3://")


def _pour(source: IO[bytes], target: IO[bytes] | None) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        if target is not None:
            target.write(chunk)
    return digest.hexdigest(), size


def _check(location: str, found: str, expected: str | None) -> None:
    if expected not in (None, found):
        raise EnvironmentFailed(
            f"What was read for {location} is not what was backed up (its checksum differs); `lake backup --verify` "
            f"tells what is damaged, another backup may have it whole."
        )
