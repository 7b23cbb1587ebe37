"""Settings that cannot be used are refused before anything starts."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lakehouse.settings import Settings
from spark_jobs.cli import main


def test_a_lake_may_lie_in_a_folder_with_spaces_apostrophes_and_letters_of_any_language(tmp_path: Path) -> None:
    assert Settings(home=tmp_path / "Büro's lake").root == tmp_path / "Büro's lake"


def test_the_folder_that_a_command_runs_in_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a#b").mkdir()
    monkeypatch.chdir(tmp_path / "a#b")
    monkeypatch.delenv("LAKE_HOME", raising=False)
    with pytest.raises(ValueError, match="has '#' in it"):
        Settings()


def test_time_zones_are_names_of_the_iana_database() -> None:
    assert Settings(time_zone="Asia/Tokyo", facility_time_zones={"one": "America/New_York"}).time_zone == "Asia/Tokyo"
    for wrong in ({"time_zone": "Mars/Olympus"}, {"facility_time_zones": {"one": "+09:00"}}, {"time_zone": "../etc"}):
        with pytest.raises(ValueError, match="is no time zone of the IANA database"):
            Settings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LAKE_TIME_ZONE", "Nowhere/Land", "LAKE_TIME_ZONE: Value error, 'Nowhere/Land' is no time zone"),
        ("LAKE_FACILITY_TIME_ZONES", "hospital=UTC", "LAKE_FACILITY_TIME_ZONES is not a JSON object"),
        ("LAKE_HOME", "/data/100%20/lake", "has '%' in it, which not every part can read: use another folder"),
        ("LAKE_HOME", "lake#1", "has '#' in it"),
        ("LAKE_HOME", 'the "lake"', """has '"' in it"""),
        ("LAKE_CACHE", "/data/[a]", "LAKE_CACHE: Value error, the path '/data/[a]' has '[]' in it"),
    ],
)
def test_a_setting_that_can_not_be_used_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    ran = CliRunner().invoke(main, ["tables", "--diff"])
    assert (ran.exit_code, said in ran.output) == (3, True), ran.output
