"""`lake health` and `lake metrics`: printed, served, and who may read them."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.settings import Settings
from lakehouse.watch import answers
from lakehouse.watch.server import open_server
from spark_jobs.cli import main


def lake(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), *arguments])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Settings, str]]:
    settings = Settings(home=tmp_path / "lake", profile="embedded")
    answers.ensure_token(settings)
    with open_server(settings, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield settings, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def ask(address: str, token: str = "") -> tuple[int, str]:
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_health_of_a_lake_that_is_not_there_says_so_and_fails(tmp_path: Path) -> None:
    told = lake(tmp_path / "none", "health")
    assert told.exit_code == EnvironmentFailed.exit_code
    assert "There is no lake yet" in told.output


def test_metrics_are_printed(tmp_path: Path) -> None:
    told = lake(tmp_path / "none", "metrics")
    assert told.exit_code == 0
    assert "# TYPE carelake_" in told.output


def test_the_token_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    file = Path(lake(tmp_path / "lake", "metrics", "--token").output.strip())
    before = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(before) >= 32
    assert Path(lake(tmp_path / "lake", "metrics", "--token").output.strip()).read_text() == before


def test_only_who_has_the_token_reads_metrics(served: tuple[Settings, str]) -> None:
    settings, address = served
    assert ask(f"{address}/metrics")[0] == 401
    assert ask(f"{address}/metrics", "guessed")[0] == 401
    status, said = ask(f"{address}/metrics", (settings.secrets_dir / answers.TOKEN).read_text())
    assert (status, "carelake_" in said) == (200, True)
    assert ask(f"{address}/live")[0] == 200
    assert ask(f"{address}/ready")[0] == ask(f"{address}/health")[0] == 503
    assert ask(f"{address}/etc/passwd")[0] == 404


def test_what_cannot_be_served_is_told_in_a_sentence(served: tuple[Settings, str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="need a token"):
        open_server(served[0].model_copy(update={"home": tmp_path / "other", "secrets": None}), "0.0.0.0", 0)
    settings, address = served
    with pytest.raises(EnvironmentFailed):
        open_server(settings, "127.0.0.1", int(address.rpartition(":")[2]))
    told = lake(tmp_path / "lake", "metrics", "--listen", "here")
    assert told.exit_code == 2
