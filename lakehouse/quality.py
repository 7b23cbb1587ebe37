"""Row rules and the Soda gate.

Row rules are Spark SQL conditions of the declaration, applied before anything is written. The gate is a Soda scan of
the branch, derived from the same declaration. No row ever passes through Python: failing keys are hashed in Spark.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from catalog.derive.sodacl import ScanCheck, scan_yaml
from catalog.model import Check, Kind, Level, Table
from lakehouse.control import Outcome
from lakehouse.errors import EnvironmentFailed
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

SAMPLE_KEYS = 5
_soda_import = threading.Lock()


def broken_rules(table: Table, level: Level, as_of: str) -> "Column":
    """Names of the row rules of that level that a row breaks: array<string>, empty for a good row."""
    from pyspark.sql import functions as F

    rules = [c for c in table.checks_of(Kind.ROW) if c.level is level]
    names = [F.when(~F.expr(c.sql.replace(":as_of", f"DATE '{as_of}'")), F.lit(c.name)) for c in rules]
    if not names:
        return F.array().cast("array<string>")
    return F.filter(F.array(*names), lambda name: name.isNotNull())


def warning_rules(table: Table) -> list[Check]:
    """The row rules that count and hold nothing back."""
    return [c for c in table.checks_of(Kind.ROW) if c.level is Level.WARN]


def warning_outcomes(table: Table, counts: Mapping[str, int]) -> list[Outcome]:
    """The results of the warning rules from the number of rows that break each."""
    return [
        Outcome(c.name, c.level.value, "warn" if counts[c.name] else "pass", counts[c.name], c.doc)
        for c in warning_rules(table)
    ]


def row_rules(table: Table) -> tuple[Check, ...]:
    """The row rules of both levels."""
    return table.checks_of(Kind.ROW)


def rule_outcomes(rows: "DataFrame", table: Table, counts: Mapping[str, int], as_of: str) -> list[Outcome]:
    """The results of all row rules on rows that nothing was held back of; `counts` has how many rows break each."""
    from pyspark.sql import functions as F

    found = []
    for rule in row_rules(table):
        bad = counts[rule.name]
        keys: tuple[str, ...] = ()
        if bad:
            failing = rows.where(F.array_contains(broken_rules(table, rule.level, as_of), rule.name))
            keys = _hashed_keys(failing.select(*table.key))
        outcome = rule.level.value if bad else "pass"
        found.append(Outcome(rule.name, rule.level.value, outcome, bad, rule.doc, keys))
    return found


def gate(
    session: "SparkSession",
    table: Table,
    checks: Sequence[ScanCheck],
    variables: Mapping[str, str],
    settings: Settings,
) -> list[Outcome]:
    """Scan the views that `session` has, one result a check; a check that could not be run has the outcome `error`."""
    scan = _scan(settings)
    scan.set_scan_definition_name(table.name)
    scan.set_data_source_name("lake")
    scan.add_spark_session(session, data_source_name="lake")
    scan.add_variables(dict(variables))
    scan.add_sodacl_yaml_str(scan_yaml(table, list(checks)))
    scan.execute()
    found = {c["name"]: c for c in scan.get_scan_results()["checks"]}
    return [_outcome(session, table, check, found.get(check.name)) for check in checks]


def _outcome(session: "SparkSession", table: Table, check: ScanCheck, found: "dict[str, Any] | None") -> Outcome:
    if found is None or found["outcome"] not in ("pass", "warn", "fail"):
        return Outcome(check.name, check.level.value, "error", None, check.doc)
    value = (found.get("diagnostics") or {}).get("value")
    keys: tuple[str, ...] = ()
    if found["outcome"] != "pass" and check.failing:
        keys = _hashed_keys(session.sql(check.failing))
    return Outcome(
        check.name, check.level.value, found["outcome"], None if value is None else float(value), check.doc, keys
    )


def _hashed_keys(rows: "DataFrame") -> tuple[str, ...]:
    """The first few failing keys as SHA-256 prefixes: enough to tell rows apart, not to name a person."""
    from pyspark.sql import functions as F

    key = F.concat_ws("|", *(F.col(c).cast("string") for c in rows.columns))
    hashes = rows.select(F.substring(F.sha2(key, 256), 1, 16).alias("key")).limit(SAMPLE_KEYS).collect()
    return tuple(sorted(row.key for row in hashes))


def _scan(settings: Settings) -> Any:
    """A Soda scan that sends nothing anywhere and keeps no sample rows."""
    with _soda_import:  # Soda reads its settings once, at import, from a file: telemetry is on without one
        config = settings.root / "tmp" / "soda.yml"
        try:
            config.parent.mkdir(parents=True, exist_ok=True)
            if not config.exists():
                config.write_text("send_anonymous_usage_stats: false\nuser_cookie_id: none\n", encoding="utf-8")
        except OSError as error:
            raise EnvironmentFailed(f"{config} can't be written; free the disk or set LAKE_HOME elsewhere.") from error
        from soda.common.config_helper import ConfigHelper

        if ConfigHelper.get_instance(str(config)).get_value("send_anonymous_usage_stats"):
            raise EnvironmentFailed("Soda's telemetry could not be switched off; nothing was scanned.")
        from soda.sampler.sampler import Sampler
        from soda.scan import Scan

    class KeepNothing(Sampler):  # type: ignore[misc]  # Soda has no types
        def store_sample(self, sample_context: Any) -> None:
            return None

    logging.getLogger("soda").setLevel(logging.CRITICAL)  # its messages quote SQL and values
    scan = Scan()
    scan.sampler = KeepNothing()
    scan.disable_telemetry()
    return scan
