"""Ids that stand in addresses without being seen: sealed with a key of the lake's own, the same each time."""

import base64
import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.settings import Settings

_BYTES = 64


class Seal:
    """Seals and opens ids; who holds only the address learns nothing but that two are the same (AES-SIV, RFC 5297)."""

    def __init__(self, secret: bytes) -> None:
        """`secret` is 64 random bytes."""
        self._secret = secret

    def seal(self, kind: str, value: str) -> str:
        """The id as letters, digits, - and _; one sealed for another kind will not open."""
        return base64.urlsafe_b64encode(self._cipher.encrypt(value.encode(), [kind.encode()])).rstrip(b"=").decode()

    def open(self, kind: str, token: str) -> str:
        """The id; raises InputError for anything that was not sealed here for this kind."""
        try:
            sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            return self._cipher.decrypt(sealed, [kind.encode()]).decode()
        except (ValueError, InvalidTag):
            raise InputError("this address leads nowhere: it was made on another lake, or changed.") from None

    def derived(self, purpose: str) -> bytes:
        """A key of 32 bytes for something else, such as signing sessions."""
        return HKDF(SHA256(), 32, None, purpose.encode()).derive(self._secret)

    @cached_property
    def _cipher(self) -> AESSIV:
        return AESSIV(HKDF(SHA256(), 64, None, b"addresses").derive(self._secret))


def open_seal(settings: Settings) -> Seal:
    """The seal of a lake; its secret is made when first asked for, in `HOME/dashboard.key`, for its owner's eyes alone.

    Raises EnvironmentFailed if it can't be written or others can read it.
    """
    path = settings.root / "dashboard.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path)
        if path.stat().st_mode & 0o077:
            raise EnvironmentFailed(f"Others can read {path}: delete it (addresses and logins change) or chmod 600 it.")
        secret = path.read_bytes()
    except OSError as error:
        raise EnvironmentFailed(f"{path} can't be read or written: check the folder's permissions.") from error
    if len(secret) != _BYTES:
        raise EnvironmentFailed(f"{path} is damaged: delete it; addresses and logins change.")
    return Seal(secret)


def _make(path: Path) -> None:
    """Written whole under another name first, so that two that start at once agree and a crash leaves no half."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(_BYTES))
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
