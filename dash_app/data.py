"""What pages ask and get: answers of named queries, each computed once for all who wait, until the lake moves."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa

from lakehouse.seal import Seal
from lakehouse.settings import Settings
from lakehouse.sql.engine import Person, SqlEngine
from lakehouse.sql.moment import Moment, Moments, TableState
from lakehouse.sql.queries import DASHBOARD
from lakehouse.watch.reading import Watcher


class Kept:
    """The last so many results by key; who asks for one that is being computed waits for it. Failures are not kept."""

    def __init__(self, most: int) -> None:
        """Keeps at most so many; what was not asked for longest goes first."""
        self._most = most
        self._lock = threading.Lock()
        self._results: OrderedDict[Hashable, Future[Any]] = OrderedDict()

    def get(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """The result for the key, computed here if nobody has done it."""
        with self._lock:
            future = self._results.get(key)
            mine = future is None
            if future is None:
                future = self._results[key] = Future()
                while len(self._results) > self._most:
                    self._results.popitem(last=False)
            self._results.move_to_end(key)
        if mine:
            try:
                future.set_result(compute())
            except BaseException as error:
                with self._lock:
                    if self._results.get(key) is future:
                        del self._results[key]
                future.set_exception(error)
        return future.result()


@dataclass
class Ask:
    """Asks the lake as of one moment; `read` gathers the tables that were asked."""

    moment: Moment
    _kept: Kept = field(repr=False)
    _seal: Seal = field(repr=False)
    read: set[str] = field(default_factory=set)
    watcher: Watcher | None = field(default=None, repr=False)  # for the page on the system, which tells of now

    def __call__(self, name: str, **parameters: Any) -> pd.DataFrame:
        """The rows of `lakehouse/sql/queries/dashboard/NAME.sql` with these parameters; not to be changed in place."""
        query = f"{DASHBOARD}/{name}"
        self.read |= self.moment.reads(query)
        key = (*self.state, query, tuple(sorted(parameters.items())))
        frame: pd.DataFrame = self._kept.get(key, lambda: self.moment.query(query, parameters).to_pandas())
        return frame

    @property
    def state(self) -> tuple[str, str]:
        """The state of the lake and for whom: what is kept for one is not for another."""
        return self.moment.version, self.moment.scope

    def derived(self, name: str, compute: Callable[[], Any]) -> Any:
        """What is worked out from answers alone and costs something; kept as they are, until the lake moves."""
        return self._kept.get((*self.state, "derived", name), compute)

    def has(self, table: str) -> bool:
        """Whether the table exists and is not empty."""
        state = self.moment.tables.get(table)
        return state is not None and state.snapshot_id is not None

    def seal(self, kind: str, value: str) -> str:
        """An id as it may stand in an address."""
        return self._seal.seal(kind, value)

    def unseal(self, kind: str, token: str) -> str:
        """The id behind an address; InputError if there is none."""
        return self._seal.open(kind, token)

    def tables(self) -> list[TableState]:
        """The tables of the lake that were asked, by name."""
        return [state for name, state in sorted(self.moment.tables.items()) if name in self.read]


class Reader:
    """The door to the lake that all pages share."""

    def __init__(
        self,
        moments: Moments,
        seal: Seal,
        engine: SqlEngine,
        person: Callable[[], Person | None] = lambda: None,
    ) -> None:
        """Opens nothing yet. `person` says who is logged in: questions are asked in their name."""
        self._person = person
        self._moments = moments
        self._seal = seal
        self._engine = engine
        self._answers = Kept(512)
        self.watcher = Watcher(moments.settings, self._rows)
        self._written = Kept(16)

    @property
    def settings(self) -> Settings:
        """Those of the lake, for lakehouse.commands."""
        return self._moments.settings

    def look_again(self) -> None:
        """See at once what a command has changed."""
        self._moments.look_again()

    def ask(self) -> Ask:
        """Something to ask with, as of now."""
        return self._ask(self._person())

    def _ask(self, person: Person | None) -> Ask:
        return Ask(self._moments.now(person), self._answers, self._seal, watcher=self.watcher)

    def _rows(self, name: str) -> list[dict[str, Any]]:
        """The answer of a query, for the watcher."""
        ask = self._ask(None)  # what is watched does not depend on who looks
        return [{str(k): v for k, v in row.items()} for row in ask(name).to_dict("records")]

    def written(self, sql: str, limit: int) -> pd.DataFrame:
        """At most `limit` rows of what a person wrote, read-only; parameters that it names are null.

        Raises InputError for what is no query or can't be computed. The last few answers are kept, so that a chart or a
        download of the same rows does not compute them again.
        """
        person = self._person()
        unbound = dict.fromkeys(self._engine.parameters(sql))
        key = (*self._ask(person).state, sql, limit)
        frame: pd.DataFrame = self._written.get(key, lambda: _as_frame(self._engine.query(sql, unbound, limit, person)))
        return frame


def _as_frame(table: pa.Table) -> pd.DataFrame:
    """The rows with whole numbers as they are, null or not, and names that differ."""
    names: list[str] = []
    for name in table.column_names:
        names.append(name if name not in names else f"{name}_{len(names) + 1}")
    return table.rename_columns(names).to_pandas(integer_object_nulls=True)
