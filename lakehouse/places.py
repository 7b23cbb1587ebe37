"""Where tables lie: what the Iceberg catalog says, and the files of this machine behind its locations."""

from pathlib import Path

POINTERS = (
    "SELECT table_namespace, table_name, metadata_location FROM iceberg_tables "
    "WHERE catalog_name = 'lake' AND metadata_location IS NOT NULL"
)
"""Each table of the lake with its current metadata file, read in one statement: one moment for all."""


def local_path(location: str) -> Path | None:
    """The path of a file on this machine, None for one in an object store.

    Spark writes plain paths, PyIceberg may write `file:` before one. Locations are no URLs: what a name has of `%` and
    `#` is the file's own.
    """
    if location.startswith("file:"):
        return Path("/" + location.removeprefix("file:").lstrip("/"))
    return None if "://" in location else Path(location)
