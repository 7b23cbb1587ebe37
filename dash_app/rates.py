"""Rates of small groups: how sure they are, and how groups are put into order. Pure."""

from collections.abc import Mapping, Sequence
from math import sqrt

import pandas as pd

FEW_CASES = 25  # CMS publishes no readmission rate of a hospital with fewer cases
ENOUGH_EVENTS = 3
_Z = 1.959964  # 95 %


def wilson(events: int, cases: int) -> tuple[float, float]:
    """The 95 % interval of a share, in per cent (Wilson 1927, J Am Stat Assoc 22:209); 0 to 100 without cases."""
    if not cases:
        return 0.0, 100.0
    share, square = events / cases, _Z * _Z
    middle = (share + square / (2 * cases)) / (1 + square / cases)
    width = _Z / (1 + square / cases) * sqrt(share * (1 - share) / cases + square / (4 * cases * cases))
    return 100 * max(middle - width, 0.0), 100 * min(middle + width, 1.0)


def with_rates(frame: pd.DataFrame, events: str, cases: str) -> pd.DataFrame:
    """The rows that have cases, with `rate`, `low`, `high` in per cent, and `note`: `few cases` below 25."""
    rows = frame[frame[cases] > 0].reset_index(drop=True)
    limits = [wilson(int(e), int(n)) for e, n in zip(rows[events], rows[cases], strict=True)]
    return rows.assign(
        rate=100 * rows[events] / rows[cases],
        low=[low for low, _ in limits],
        high=[high for _, high in limits],
        note=["few cases" if n < FEW_CASES else "" for n in rows[cases]],
    )


def highest_first(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of `with_rates` with the highest rate first; those with few cases come last."""
    few = rows["note"] != ""
    return rows.assign(few=few).sort_values(["few", "rate"], ascending=[True, False], kind="stable").drop(columns="few")


def by_period(months: Sequence[tuple[str, int, int]], grain: str) -> list[tuple[str, int, int]]:
    """Months (`2025-01`, events, cases) added up to a `month`, `quarter` or `year`, in order, without gaps."""
    if not months:
        return []
    found: dict[str, list[int]] = {}
    first, last = _place(min(months)[0]), _place(max(months)[0])
    for place in range(first, last + 1):
        found.setdefault(_period(place, grain), [0, 0])
    for month, events, cases in months:
        sums = found[_period(_place(month), grain)]
        sums[0] += events
        sums[1] += cases
    return [(name, events, cases) for name, (events, cases) in found.items()]


def _place(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:7]) - 1


def _period(place: int, grain: str) -> str:
    year, month = divmod(place, 12)
    names: Mapping[str, str] = {
        "month": f"{year:04}-{month + 1:02}", "quarter": f"{year:04} Q{month // 3 + 1}", "year": f"{year:04}",
    }  # fmt: skip
    return names[grain]


def newest(months: Sequence[tuple[str, int, int]], most: int = 24) -> tuple[str, list[tuple[str, int, int]], bool]:
    """The newest periods, at most so many, of the finest grain in which enough events are to be expected; and whether
    any grain has enough.

    Enough are 3: a period without any is then rare (e⁻³, 5 %), so that zeros tell something. The year if none has them.
    """
    for grain in ("month", "quarter", "year"):
        periods = by_period(months, grain)[-most:]
        known = [events for _, events, cases in periods if cases]
        if known and sum(known) / len(known) >= ENOUGH_EVENTS:
            return grain, periods, True
    return "year", by_period(months, "year")[-most:], False
