"""The fixture `read`: bytes in, records and rejections out."""

from collections.abc import Callable
from pathlib import Path

import pytest
from ingest_reading import Read, read_file


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Read]:
    """Write bytes to a file and read it."""

    def write_and_read(data: bytes, **limits: int) -> Read:
        path = tmp_path / "data.ndjson"
        path.write_bytes(data)
        return read_file(path, **limits)

    return write_and_read
