"""The gate on real Spark: it finds what is wrong, keeps nothing of it, and sends nothing."""

from pathlib import Path
from typing import TYPE_CHECKING

from catalog.derive.sodacl import ScanCheck, scan_checks, scan_variables
from catalog.model import Level
from lakehouse import quality
from lakehouse.control import Outcome
from lakehouse.settings import Settings
from tests.catalog.test_derive import PERSON

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = "person_id string, name string, mother_id string, kind string, seen_at timestamp"


def scan(spark: "SparkSession", settings: Settings, rows: list[str], previous: int = 0) -> dict[str, Outcome]:
    values = ", ".join(rows)
    session = spark.newSession()
    people = session.sql(f"SELECT * FROM VALUES {values} AS t(person_id, name, mother_id, kind, seen_at)")
    people.createOrReplaceTempView("silver_person")
    checks = scan_checks(PERSON, {PERSON.name: PERSON})
    variables = scan_variables(PERSON, previous, "2026-01-15")
    return {o.check: o for o in quality.gate(session, PERSON, checks, variables, settings)}


GOOD = "('a', 'Robin', cast(null as string), 'a', timestamp '2026-01-14 00:00:00')"


def test_good_rows_pass_every_check(spark: "SparkSession", settings: Settings) -> None:
    outcomes = scan(spark, settings, [GOOD])
    assert {o.outcome for o in outcomes.values()} == {"pass"}


def test_each_kind_of_check_finds_its_fault_and_shows_hashed_keys(spark: "SparkSession", settings: Settings) -> None:
    rows = [
        "('a', 'Robin', 'nobody', 'a', timestamp '2026-01-01 00:00:00')",
        "('a', 'Robin', null, 'z', null)",
        "(null, 'Robin', null, null, null)",
    ]
    found = scan(spark, settings, rows, previous=100)
    assert {n: (o.outcome, o.value) for n, o in found.items()} == {
        "person_id_is_complete": ("fail", 1),
        "kind_is_complete": ("fail", 1),
        "kind_is_valid": ("fail", 1),
        "unique_person_id": ("fail", 1),
        "mother_id_resolves": ("warn", 1),
        "volume_not_fallen": ("fail", 3),
        "seen_at_is_fresh": ("warn", 14),
    }
    assert found["volume_not_fallen"].sample_keys == ()
    (key,) = found["unique_person_id"].sample_keys
    assert (len(key), key.isalnum(), key == "a") == (16, True, False)
    assert "Robin" not in repr(found)


def test_a_check_that_cannot_run_is_an_error_and_no_pass(spark: "SparkSession", settings: Settings) -> None:
    session = spark.newSession()
    session.sql("SELECT 'a' AS person_id").createOrReplaceTempView("silver_person")
    check = ScanCheck("broken", Level.FAIL, "Doc.", '- missing_count(no_such):\n    name: "broken"\n    fail: when > 0')
    (outcome,) = quality.gate(session, PERSON, [check], {}, settings)
    assert outcome.outcome == "error"


def test_soda_sends_no_statistics_and_keeps_no_rows(spark: "SparkSession", settings: Settings) -> None:
    scan(spark, settings, [GOOD])
    from soda.common.config_helper import ConfigHelper

    assert ConfigHelper.get_instance().get_value("send_anonymous_usage_stats") is False
    # Soda reads its settings once a process, from the lake that was scanned first; never from the home folder.
    read_from = Path(ConfigHelper.get_instance().config_path)
    assert read_from.parts[-2:] == ("tmp", "soda.yml")
    assert not read_from.is_relative_to(Path.home() / ".soda")
