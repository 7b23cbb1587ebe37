"""Trino dies while somebody asks: they read one sentence, and are answered again once it is back."""

import getpass
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
import trino
from click.testing import CliRunner, Result
from trino.auth import BasicAuthentication

from lakehouse.errors import EnvironmentFailed
from lakehouse.secrets import read_secret
from lakehouse.settings import Settings
from spark_jobs.cli import main
from tests.stack import servers

pytestmark = pytest.mark.stack
TRILLION = "UNNEST(sequence(1, 10000)) a(x), UNNEST(sequence(1, 10000)) b(y), UNNEST(sequence(1, 10000)) c(z)"
SLOW = f"SELECT count(*) FROM {TRILLION}"
RUNNING = "SELECT count(*) FROM system.runtime.queries WHERE state = 'RUNNING' AND query LIKE '%a(x)%b(y)%c(z)'"


@pytest.fixture
def own(stack: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The stack of the tests; Trino is up again at the end."""
    monkeypatch.delenv(servers.HOME, raising=False)
    yield stack
    servers.start(stack, "trino")


def test_trino_killed_in_mid_query_is_told_in_a_sentence_and_answers_again(own: Settings) -> None:
    told: list[Result] = []
    environment = own.environment()
    asking = threading.Thread(target=lambda: told.append(CliRunner().invoke(main, ["sql", SLOW], env=environment)))
    asking.start()
    while not is_asked(own):
        assert asking.is_alive(), told
    servers.kill(own, "trino")
    asking.join(60)
    assert told, "it is told within a minute"
    assert told[0].exit_code == EnvironmentFailed.exit_code, told[0].output
    (line,) = told[0].output.splitlines()
    assert own.trino in line
    servers.start(own, "trino")
    again = CliRunner().invoke(main, ["sql", "--format", "csv", "SELECT 1 AS one"], env=environment)
    assert again.output.split() == ["one", "1"]


def is_asked(settings: Settings) -> bool:
    """Whether Trino computes the slow query, seen by asking it as its administrator."""
    user = getpass.getuser()
    parts, session = urlsplit(settings.trino), requests.Session()
    session.verify = str(settings.trino_ca_file)
    session.trust_env = False  # REQUESTS_CA_BUNDLE would take the place of the stack's own authority
    with trino.dbapi.connect(
        host=parts.hostname,
        port=parts.port,
        http_scheme="https",
        user=user,
        auth=BasicAuthentication(user, read_secret(settings, f"trino-{user}")),
        http_session=session,
    ) as connection:
        return connection.cursor().execute(RUNNING).fetchall() == [[1]]
