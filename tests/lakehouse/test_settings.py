"""Settings that cannot be used are refused before anything starts."""

import pytest
from click.testing import CliRunner

from lakehouse.settings import Settings
from spark_jobs.cli import main


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
    ],
)
def test_a_wrong_time_zone_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    ran = CliRunner().invoke(main, ["tables", "--diff"])
    assert (ran.exit_code, said in ran.output) == (3, True), ran.output
