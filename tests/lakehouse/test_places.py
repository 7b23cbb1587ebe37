"""Locations of tables are paths of this machine or places in an object store, and no URLs."""

from pathlib import Path

import pytest

from lakehouse.places import local_path


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/wh/a%2Fb#c?", Path("/wh/a%2Fb#c?")),
        ("file:///wh/a%20b", Path("/wh/a%20b")),
        ("file:/wh/a", Path("/wh/a")),
        ("s3://bucket/wh/a", None),
    ],
)
def test_what_a_name_has_of_percent_and_hash_is_the_files_own(location: str, path: Path | None) -> None:
    assert local_path(location) == path
