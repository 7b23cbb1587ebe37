"""Do the servers of the stack answer? One finding each, seen by opening a connection and no more."""

import socket
from urllib.parse import urlsplit

from lakehouse.doctor import Finding
from lakehouse.errors import LakeError
from lakehouse.settings import Settings

_SECONDS = 2
_HINT = "`make stack-status` shows what runs, `make stack-up` starts it; {setting} says where it is."


def stack_findings(settings: Settings) -> list[Finding]:
    """PostgreSQL, MinIO, Trino and, where one is set, the Spark master."""
    servers = [
        ("PostgreSQL", settings.postgres, "LAKE_POSTGRES"),
        ("Object store", settings.s3, "LAKE_S3"),
        ("Trino", settings.trino, "LAKE_TRINO"),
    ]
    if settings.spark_master.startswith("spark://"):
        servers.append(("Spark master", settings.spark_master, "LAKE_SPARK_MASTER"))
    return [*(_reached(*server) for server in servers), *_access(settings)]


def _access(settings: Settings) -> list[Finding]:
    """Whether Trino's rules are those of the declarations, where this machine has its files."""
    from lakehouse.trino_access import difference, is_set_up

    if not is_set_up(settings):
        return []
    try:
        differs = difference(settings)
    except LakeError as error:
        return [Finding("Access rules", False, str(error))]
    said = "differ from the declarations and accounts" if differs else "are those of the declarations"
    return [Finding("Access rules", not differs, said, "`lake access apply` writes them again.")]


def _reached(name: str, address: str, setting: str) -> Finding:
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname or "", port), timeout=_SECONDS):
            return Finding(name, True, f"answers at {address}")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no answer"
        return Finding(name, False, f"{address}: {why}", _HINT.format(setting=setting))
