"""Serves the dashboard with gunicorn: one process with threads, so that all share what is kept."""

import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from dash_app.security import LOOPBACK
from lakehouse.accounts import open_accounts
from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.profile import is_on_servers
from lakehouse.settings import Settings

THREADS = 16
_PATIENCE = struct.pack("ll", 15, 0)  # seconds and microseconds, as the kernel takes them


@dataclass(frozen=True)
class Address:
    """Where to listen, and by which names browsers reach it. `certificate` and `key` are PEM files for TLS;
    `behind_proxy` says that a proxy before it does the TLS."""

    host: str = "127.0.0.1"
    port: int = 8050
    names: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in ("127.0.0.1", "localhost") and not self.behind_proxy

    @property
    def https(self) -> bool:
        """Whether browsers reach it by TLS."""
        return self.certificate is not None or self.behind_proxy

    @property
    def url(self) -> str:
        """What to open in a browser."""
        name = self.names[0] if self.names else self.host
        return f"{'https' if self.https else 'http'}://{name}:{self.port}/"


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gives up on who does not go on with a request: each thread that waits for one is a thread less for all others."""

    def handle(self, conn: Any) -> Any:
        """A request, if it comes; the kernel ends each wait for more of it."""
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
        return super().handle(conn)


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, settings: Settings, address: Address) -> None:
        self._lake = settings
        self._address = address
        super().__init__()

    def load_config(self) -> None:
        address = self._address
        options: dict[str, Any] = {
            "bind": f"{address.host}:{address.port}",
            "workers": 1,
            "worker_class": "dash_app.server.Worker",
            "threads": THREADS,
            "keepalive": 30,
            "timeout": 0,  # a query may take its time; it has a limit of its own
            "accesslog": None,
            "loglevel": "warning",
            "proc_name": "carelake-dashboard",
            "certfile": str(address.certificate) if address.certificate else None,
            "keyfile": str(address.key) if address.key else None,
            "control_socket_disable": True,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        from dash_app.app import create_app

        address = self._address
        accounts = open_accounts(self._lake)
        hosts = LOOPBACK if address.is_loopback else (*LOOPBACK, *address.names)
        is_open = address.is_loopback and not is_on_servers(self._lake)
        return create_app(self._lake, accounts, hosts=hosts, https=address.https, without_accounts=is_open).server


def check(settings: Settings, address: Address) -> None:
    """Raises InputError or EnvironmentFailed, with what to do, where it must not or can't listen like this."""
    if ":" in address.host:
        raise InputError("An IPv6 address can't be listened on: give --host 127.0.0.1, or 0.0.0.0 with --name.")
    if is_on_servers(settings) and not open_accounts(settings).all():
        raise InputError(
            "On servers everybody logs in, for each sees what the role lets them: add an account first with "
            "`lake account add NAME --role ROLE`."
        )
    if not address.is_loopback:
        if not open_accounts(settings).all():
            raise InputError(
                "Beyond this machine everybody logs in: add an account first with `lake account add NAME`."
            )
        if not address.https:
            raise InputError(
                "Beyond this machine passwords need TLS: give --tls-cert and --tls-key, "
                "or --behind-proxy if a proxy before it has them."
            )
        if not address.names:
            raise InputError("Say by which name browsers reach it: --name lake.example.org, once a name.")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address.host, address.port))
        except OSError as error:
            raise EnvironmentFailed(
                f"{address.host}:{address.port} can't be listened on: take another --port, or stop what listens there."
            ) from error


def serve(settings: Settings, address: Address) -> None:
    """Serve until stopped; see `check` for what it raises."""
    check(settings, address)
    _Server(settings, address).run()
