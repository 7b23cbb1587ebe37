"""The stack's secrets: made at the first start, one file each, and only read from then on."""

import secrets
import stat

from infra.native.stack import Stack
from lakehouse.errors import EnvironmentFailed
from lakehouse.secrets import read_secret, write_secret

# The first word of the names of the files below: what `reset` removes.
SERVICES = ("postgres", "minio", "trino", "spark")
_BYTES = 30  # 40 characters of A-Z, a-z, 0-9, - and _: as long as MinIO's keys may be


def make_folder(stack: Stack) -> None:
    """The folder of secrets, for its owner alone; raises EnvironmentFailed where others may look in."""
    folder = stack.settings.secrets_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise EnvironmentFailed(
            f"The folder {folder} can't be made ({error.strerror}): set LAKE_SECRETS to a folder you can write."
        ) from error
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        raise EnvironmentFailed(f"{folder} is open to others than its owner; run `chmod 700 {folder}`.")


def secret(stack: Stack, name: str) -> str:
    """The secret of that name; it is made where it isn't there yet."""
    if not (stack.settings.secrets_dir / name).exists():
        make_folder(stack)
        write_secret(stack.settings, name, secrets.token_urlsafe(_BYTES))
    return read_secret(stack.settings, name)
