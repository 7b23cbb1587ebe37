"""Where the stack is: folders, addresses, versions and sizes, all out of the one Settings object and `infra/stack`."""

import ipaddress
import os
import re
import socket
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.settings import Settings

SHARED = Path(__file__).resolve().parents[1] / "stack"
SPARK_MASTER = "spark://127.0.0.1:17077"


@dataclass(frozen=True, order=True)
class Address:
    """A host and a port; the host is a name or an IP address, without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        """As in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def ip(self) -> str:
        """The IP address to listen on; raises EnvironmentFailed where the name is unknown."""
        try:
            return str(socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0][4][0])
        except OSError as error:
            raise EnvironmentFailed(
                f"The host {self.host} of the stack's settings is unknown: use 127.0.0.1."
            ) from error

    def beside(self, ports: int) -> "Address":
        """The address so many ports further on."""
        return Address(self.host, self.port + ports)


def read_env(text: str) -> dict[str, str]:
    """The pairs of a file of KEY=VALUE lines; blank lines and those that begin with # say nothing."""
    pairs: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"([A-Z][A-Z0-9_]*)=(\S*)", line.rstrip())
        if not match:
            raise InputError(f"Line {number} is not KEY=VALUE without spaces: {line!r}.")
        pairs[match[1]] = match[2]
    return pairs


def parse_address(text: str, setting: str) -> Address:
    """The host and port of a URL or of `host:port`; raises InputError, which names the setting."""
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise InputError(f"{setting}={text} says no host and port, such as 127.0.0.1:15432.")
    return Address(host, port)


@dataclass(frozen=True)
class Stack:
    """One stack: that of a LAKE_HOME."""

    settings: Settings

    @property
    def folder(self) -> Path:
        """All state of the servers, each in a folder of its own below."""
        return self.settings.root / "stack"

    @property
    def logs(self) -> Path:
        """One log a service."""
        return self.folder / "logs"

    @property
    def cache(self) -> Path:
        """Servers that were fetched or built, shared by all stacks of this machine."""
        return self.settings.cache_dir / "stack"

    def state(self, service: str) -> Path:
        """Folder of one service."""
        return self.folder / service

    @cached_property
    def versions(self) -> dict[str, str]:
        """The one list of versions."""
        return read_env((SHARED / "versions.env").read_text(encoding="utf-8"))

    @cached_property
    def sizes(self) -> dict[str, str]:
        """How much the servers may use; the environment comes first, as it does for compose."""
        shipped = read_env((SHARED / "sizes.env").read_text(encoding="utf-8"))
        return {name: os.environ.get(name, value) for name, value in shipped.items()}

    @property
    def catalog_database(self) -> str:
        """The database of the Iceberg catalog."""
        return f"{self.settings.name}_catalog"

    @property
    def control_database(self) -> str:
        """The database of runs, lineage and quality."""
        return f"{self.settings.name}_control"

    @property
    def postgres(self) -> Address:
        """Where PostgreSQL listens."""
        return parse_address(self.settings.postgres, "LAKE_POSTGRES")

    @property
    def s3(self) -> Address:
        """Where MinIO listens."""
        return parse_address(self.settings.s3, "LAKE_S3")

    @property
    def trino(self) -> Address:
        """Where Trino listens, with TLS."""
        return parse_address(self.settings.trino, "LAKE_TRINO")

    @property
    def spark(self) -> Address:
        """Where the Spark master listens."""
        said = self.settings.spark_master
        return parse_address(said if said.startswith("spark://") else SPARK_MASTER, "LAKE_SPARK_MASTER")


def render(template: str, **values: object) -> str:
    """A template of `infra/stack/templates` with its placeholders filled; a missing one is an error."""
    return Template((SHARED / "templates" / template).read_text(encoding="utf-8")).substitute(values)


def write_private(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file that only its owner reads, in one step; nothing is touched where it says the same already."""
    if path.exists() and path.read_text(encoding="utf-8") == text and path.stat().st_mode & 0o777 == mode:
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = path.with_name(path.name + ".part")
    made.unlink(missing_ok=True)
    with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(made, path)
