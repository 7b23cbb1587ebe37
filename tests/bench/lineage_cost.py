"""What lineage costs: the seconds that runs spend in reading plans, storing edges, and building and sending events."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from spark_jobs import building, conforming, report

# Each is looked up in its module when it is called, and none of them calls another.
_PARTS = (
    (conforming, "record_lineage"),
    (building, "record_mart_lineage"),
    (report, "_told"),
    (report, "run_event"),
    (report, "parent_event"),
    (report, "emit"),
)


class Stopwatch:
    """Seconds by part, added up over all threads: runs go side by side, so they are held against the runs' own."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {name: 0.0 for _, name in _PARTS}
        self._adding = threading.Lock()

    @property
    def total(self) -> float:
        """All parts."""
        return sum(self.seconds.values())

    def timing(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.monotonic()
            try:
                return function(*args, **kwargs)
            finally:
                with self._adding:
                    self.seconds[name] += time.monotonic() - started

        return timed


@contextmanager
def lineage_timed() -> Iterator[Stopwatch]:
    """Times what runs do for lineage while inside.

    For a mart that is made anew, building its plan is counted, though the run would need it all the same.
    """
    watch = Stopwatch()
    with ExitStack() as stack:
        for module, name in _PARTS:
            stack.enter_context(patch.object(module, name, watch.timing(name, getattr(module, name))))
        yield watch
