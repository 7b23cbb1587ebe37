"""Writes Grafana's dashboards, grafana/*.json: `python -m infra.monitoring.dashboards`.

A panel is a title, a sentence and its queries; where it stands and how it looks is the same for all.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("grafana")
_SOURCE = {"type": "prometheus", "uid": "prometheus"}
_WIDTH, _HEIGHT = 12, 8


@dataclass(frozen=True)
class Panel:
    """`queries` are (expression, legend); `kind` is Grafana's: timeseries, stat or table."""

    title: str
    says: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"


DASHBOARDS: dict[str, tuple[str, tuple[Panel, ...]]] = {
    "runs": (
        "Carelake: runs",
        (
            Panel("Newest good run", "Seconds since each table's newest good run ended; an alert from 36 hours on.",
                  (("time() - carelake_run_last_success_timestamp_seconds", "{{table}}"),), "s"),
            Panel("Runs that ended", "By how they ended, in a day.",
                  (("sum by (state) (increase(carelake_runs_total[1d]))", "{{state}}"),)),
            Panel("How long", "Seconds that the newest published run of each job took.",
                  (("carelake_run_last_seconds", "{{job}}"),), "s"),
            Panel("How fast", "Source records by second of that run.",
                  (("carelake_run_last_records_per_second", "{{job}}"),)),
            Panel("Went wrong", "Tables whose newest run failed, was interrupted, or was held back by a gate.",
                  (('sum by (table, state) (carelake_run_last_state{state=~"failed|interrupted|gate_failed"}) > 0',
                    "{{table}} {{state}}"),), kind="table"),
            Panel("Unfinished", "Runs that were begun and have not ended.",
                  (("sum(carelake_runs_unfinished) or vector(0)", "runs"),), kind="stat"),
        ),
    ),
    "records": (
        "Carelake: quality and accounting",
        (
            Panel("Unaccounted records", "Given less accounted for, by stage. Anything but 0 is a loss.",
                  (("sum by (stage) (carelake_unaccounted_records)", "{{stage}}"),)),
            Panel("The equation", "Records that each stage was given, and those that are accounted for.",
                  (("sum by (stage) (carelake_given_records)", "{{stage}} given"),
                   ("sum by (stage) (carelake_accounted_records)", "{{stage}} accounted"))),
            Panel("What became of records", "In an hour, over all tables.",
                  (("sum by (outcome) (increase(carelake_records_total[1h]))", "{{outcome}}"),)),
            Panel("Held back", "Records in quarantine that no later run has settled.",
                  (("carelake_held_back_records", "{{stage}}"),)),
            Panel("Findings", "Checks that are not met, by severity; acknowledged ones too.",
                  (("carelake_findings", "{{severity}} {{state}}"),)),
            Panel("Checks that are not met", "Those that nobody has acknowledged.",
                  (('carelake_check_failed{state="open"}', "{{table}} {{check}} {{severity}}"),), kind="table"),
            Panel("Live rows", "Rows that are not deleted.", (("carelake_table_live_rows", "{{table}}"),)),
            Panel("Records of the last run", "What the newest published run looked at.",
                  (("carelake_run_last_records", "{{table}}"),)),
        ),
    ),
    "services": (
        "Carelake: services and room",
        (
            Panel("Services", "1: it answers. 0: it does not.", (("carelake_service_up", "{{service}}"),)),
            Panel("How long an answer takes", "Seconds until each part answered.",
                  (("carelake_service_answer_seconds", "{{service}}"),), "s"),
            Panel("Disk", "Free space where LAKE_HOME is, and all of it.",
                  (("carelake_disk_free_bytes", "free"), ("carelake_disk_size_bytes", "all")), "bytes"),
            Panel("Size of tables", "Bytes of the current snapshots.",
                  (("carelake_table_bytes", "{{table}}"),), "bytes"),
            Panel("Files", "Data and delete files of the current snapshots.",
                  (("sum(carelake_table_data_files)", "data"), ("sum(carelake_table_delete_files)", "delete"))),
            Panel("Snapshots and metadata", "How many are kept; `lake maintain` lets old ones go.",
                  (("sum(carelake_table_snapshots)", "snapshots"),
                   ("sum(carelake_table_metadata_versions)", "metadata files"))),
            Panel("Rows", "Rows of all tables, deleted ones included.",
                  (("carelake_table_rows", "{{table}}"),)),
            Panel("Control database", "Its size.", (("carelake_control_database_bytes", "bytes"),), "bytes"),
            Panel("Snapshot of each table", "Seconds since what readers see was committed.",
                  (("time() - carelake_table_snapshot_timestamp_seconds", "{{table}}"),), "s"),
            Panel("Reading the metrics", "Seconds; and whether each part of them could be read.",
                  (("carelake_read_seconds", "seconds"), ("carelake_readable", "{{part}}"))),
            Panel("Spark's cluster", "Workers that its master knows of, and applications that run or wait for cores.",
                  (("metrics_master_workers_Value", "workers"), ("metrics_master_aliveWorkers_Value", "alive"),
                   ("metrics_master_apps_Value", "applications"), ("metrics_master_waitingApps_Value", "waiting"))),
            Panel("Cores and memory of Spark's workers", "What executors have of each worker.",
                  (("metrics_worker_coresUsed_Value", "{{instance}} cores"),
                   ("metrics_worker_memUsed_MB_Value", "{{instance}} MB"))),
            Panel("Carelake", "What runs.", (("carelake_build_info", "{{version}}"),), kind="table"),
        ),
    ),
}  # fmt: skip


def dashboard(uid: str, title: str, panels: tuple[Panel, ...]) -> dict[str, Any]:
    """Grafana's model of a dashboard."""
    return {
        "uid": f"carelake-{uid}",
        "title": title,
        "tags": ["carelake"],
        "timezone": "utc",
        "editable": False,
        "schemaVersion": 39,
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "panels": [_panel(place, panel) for place, panel in enumerate(panels)],
    }


def _panel(place: int, panel: Panel) -> dict[str, Any]:
    is_instant = panel.kind != "timeseries"
    return {
        "id": place + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": _SOURCE,
        "gridPos": {"x": place % 2 * _WIDTH, "y": place // 2 * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [
            {"refId": chr(65 + i), "expr": expr, "legendFormat": legend, "instant": is_instant, "datasource": _SOURCE}
            for i, (expr, legend) in enumerate(panel.queries)
        ],
    }


def files() -> dict[str, str]:
    """The text of each file by its name."""
    return {
        f"{uid}.json": json.dumps(dashboard(uid, title, panels), indent=2) + "\n"
        for uid, (title, panels) in DASHBOARDS.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
