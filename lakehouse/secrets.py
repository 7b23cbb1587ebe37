"""Secrets: one file each in a folder of their owner, never in settings, on a command line or in a log."""

import os
import stat
import tempfile

from lakehouse.errors import EnvironmentFailed
from lakehouse.settings import Settings


def read_secret(settings: Settings, name: str) -> str:
    """The secret `<service>-<principal>`, such as `postgres-lake_etl`.

    Raises EnvironmentFailed where it is missing or others may read it.
    """
    path = settings.secrets_dir / name
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise EnvironmentFailed(f"{path} can be read by others than its owner; run `chmod 600 {path}`.")
        secret = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise EnvironmentFailed(
            f"The secret {path} is missing: `make stack-up` makes it, or put it there with mode 0600 (LAKE_SECRETS)."
        ) from None
    except OSError as error:
        raise EnvironmentFailed(f"The secret {path} can't be read ({error.strerror}); check who owns it.") from error
    if not secret:
        raise EnvironmentFailed(f"The secret {path} is empty: write it again.")
    return secret


def write_secret(settings: Settings, name: str, secret: str) -> None:
    """Keep a secret, replacing an earlier one in one step; the folder is made for its owner alone."""
    folder = settings.secrets_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, made = tempfile.mkstemp(dir=folder)  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(secret)
        os.replace(made, folder / name)
    except OSError as error:
        raise EnvironmentFailed(f"The secret {folder / name} can't be written ({error.strerror}).") from error
