"""Reads everything that is watched, at one moment: the one place that metrics, pages and commands get it from."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from lakehouse.errors import LakeError
from lakehouse.findings import Finding, read_findings
from lakehouse.settings import Settings
from lakehouse.sql.moment import Moments, open_moments
from lakehouse.sql.queries import DASHBOARD
from lakehouse.watch import accounting, ledger
from lakehouse.watch.accounting import Equation
from lakehouse.watch.health import Health, disk_usage
from lakehouse.watch.ledger import Ledger
from lakehouse.watch.metrics import Readings
from lakehouse.watch.shelf import Shelf, ShelfReader

T = TypeVar("T")
_TRIES = 3
Answers = Callable[[str], Sequence[Mapping[str, Any]]]
"""The rows of a query of the dashboard, by its name."""


class Watcher:
    """Reads one lake again and again; what can't have changed is not read twice."""

    def __init__(self, settings: Settings, answers: Answers | None = None) -> None:
        """Opens nothing yet. `answers` asks the queries; without it they are asked on a moment of its own."""
        self.settings = settings
        self.health = Health(settings)
        self._shelf = ShelfReader(settings)
        self._answers = answers or _asking(open_moments(settings, 0))
        self._one_at_a_time = threading.Lock()

    def read(self) -> Readings:
        """Everything as of now; what can't be read is left out, and `failed` names it."""
        with self._one_at_a_time:
            begun = time.monotonic()
            parts = self.health.look()
            failed: list[str] = []
            shelf, told = self._tables_and_runs(failed)
            equations: list[Equation] | None = None
            if shelf is not None and told is not None:
                equations = _tried(lambda: accounting.equations(told, shelf, self._shelf), "catalog", failed)
            quality = _tried(self._quality, "quality", failed)
            findings, held, quarantine = quality or (None, None, [])
            if equations is not None:
                equations += quarantine
            disk = _tried(lambda: disk_usage(self.settings), "disk", [])
            took = time.monotonic() - begun
            return Readings(parts, told, shelf, equations, findings, held, disk, took, tuple(failed))

    def _tables_and_runs(self, failed: list[str]) -> tuple[Shelf | None, Ledger | None]:
        """Both as of the same moment: no table moved while the ledger was read, or it is read again."""
        shelf = _tried(self._shelf.read, "catalog", failed)
        for _ in range(_TRIES):
            on_main = shelf.on_main if shelf else frozenset[str]()
            told = _tried(partial(ledger.read, self.settings, on_main), "ledger", failed)
            after = shelf and _tried(self._shelf.read, "catalog", failed)
            if shelf is None or after is None or told is None or after.is_as(shelf):
                return shelf, told
            shelf = after
        return shelf, None  # it moves too fast to say anything that fits together: the next look will

    def _quality(self) -> tuple[list[Finding], dict[str, int], list[Equation]]:
        today = datetime.now(UTC).date()
        has_quarantine = "ops.quarantine" in self._shelf.read().tables
        findings = read_findings(self._answers, today, has_quarantine=has_quarantine)
        if not has_quarantine:
            return findings, {}, []
        held = {str(row["stage"]): int(row["records"]) for row in self._answers("held_back_now")}
        return findings, held, accounting.of_quarantine(self._answers("watch_quarantine"))


def _asking(moments: Moments) -> Answers:
    def answers(name: str) -> Sequence[Mapping[str, Any]]:
        rows: list[dict[str, Any]] = moments.now().query(f"{DASHBOARD}/{name}").to_pylist()
        return rows

    return answers


def _tried(read: Callable[[], T], part: str, failed: list[str]) -> T | None:
    """What it gives; null, with the part's name among those that failed, where it can't."""
    try:
        return read()
    except (LakeError, OSError, KeyError, ValueError):
        failed.append(part)
        return None
