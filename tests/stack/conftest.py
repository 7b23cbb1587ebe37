"""The servers of the stack for the whole test run, in a folder and on ports of their own."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.native.runner import down, up
from infra.native.services import all_services, choose
from infra.native.stack import Stack
from lakehouse import trino_access
from lakehouse.accounts import open_accounts
from lakehouse.settings import Settings

SERVERS = ("postgres", "minio", "trino")
_SPARK_PORTS = 4  # of the master, its page, and the pages of two workers


def free_ports(count: int) -> int:
    """The first of so many free ports in a row, below those that the system gives to clients.

    Each process looks from a place of its own: a stack that is down for a moment has to get its ports again, also where
    another run of tests starts a stack just then.
    """
    every = range(20_000, 32_000, count)
    begin = os.getpid() * 17 % len(every)
    for first in (*every[begin:], *every[:begin]):
        probes = [socket.socket() for _ in range(count)]
        try:
            for number, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + number))
            return first
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
    raise AssertionError("there are no free ports")


def quiet(_: str) -> None:
    """Progress is of no interest here."""


@pytest.fixture(scope="session")
def stack() -> Iterator[Settings]:
    """Settings of a stack whose PostgreSQL, MinIO and Trino run; everything is gone at the end."""
    home = Path(tempfile.mkdtemp(prefix="carelake-stack-"))
    home.chmod(0o755)  # started by root, PostgreSQL runs as another user and has to get in
    port = free_ports(3 + _SPARK_PORTS)
    settings = Settings(
        home=home / "lake",
        cache=Settings().cache_dir,
        profile="stack",
        postgres=f"127.0.0.1:{port}",
        s3=f"http://127.0.0.1:{port + 1}",
        trino=f"https://127.0.0.1:{port + 2}",
        spark_master=f"spark://127.0.0.1:{port + 3}",
    )
    own = Stack(settings)
    (home / "lake").mkdir(mode=0o755)
    try:
        up(own, choose(all_services(own), SERVERS), quiet)
        yield settings
    finally:
        down(own, all_services(own), quiet)
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def spark_cluster(stack: Settings) -> Settings:
    """The same stack, with the Spark master and its workers; they stop with the stack."""
    own = Stack(stack)
    up(own, all_services(own), quiet)
    return stack


PASSWORD = "correct horse battery"
PEOPLE = {
    "one.administrator": "administrator",
    "one.officer": "compliance_officer",
    "one.analyst": "analyst",
    "one.clinician": "clinician",
    "one.operator": "operations",
}


@contextmanager
def accounts_of_people(stack: Settings) -> Iterator[Settings]:
    """The stack, with somebody in each of a few roles; they are gone at the end."""
    accounts = open_accounts(stack)
    try:
        for name, role in PEOPLE.items():
            accounts.put(name, PASSWORD, role)
        trino_access.apply(stack)
        yield stack
    finally:
        for name in PEOPLE:
            accounts.remove(name)
            trino_access.apply(stack, removed=name)


@pytest.fixture(scope="module")
def people(stack: Settings) -> Iterator[Settings]:
    """The stack, with somebody in each of a few roles."""
    with accounts_of_people(stack):
        yield stack
