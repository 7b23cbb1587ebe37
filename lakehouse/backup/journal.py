"""What an unfinished backup has put into the pool, so that the next one need not copy it again."""

import json
from collections.abc import Iterable

from lakehouse.backup.pool import Pool, Stored


class Journal:
    """A file of lines in the pool. An object store can't append, so there it is not kept."""

    def __init__(self, pool: Pool) -> None:
        self._path = pool.folder / "unfinished.jsonl" if pool.folder else None

    def read(self) -> dict[str, Stored]:
        """By location, what it tells of."""
        if self._path is None or not self._path.exists():
            return {}
        found = {}
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                stored = Stored(*json.loads(line))
            except (ValueError, TypeError):
                continue  # the line at which the process was killed
            found[stored.location] = stored
        return found

    def write(self, stored: Iterable[Stored]) -> None:
        """Begin anew with these."""
        if self._path:
            self._path.unlink(missing_ok=True)
            self._path.touch(mode=0o600)
            for each in stored:
                self.note(each)

    def note(self, stored: Stored) -> None:
        """Add one."""
        if self._path:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([stored.location, stored.sha256, stored.bytes], ensure_ascii=False) + "\n")

    def forget(self) -> None:
        """The backup has come to its end."""
        if self._path:
            self._path.unlink(missing_ok=True)
