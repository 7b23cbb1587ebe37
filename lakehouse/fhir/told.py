"""A record that a view cannot take, told as one sentence instead of a stack of the JVM."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from pyspark.sql import DataFrame

from lakehouse.errors import ViewError

_COMPUTING = frozenset(
    "collect count first foreach foreachPartition head isEmpty show tail take toLocalIterator toPandas".split()
)


@contextmanager
def record_told(view_name: str) -> Iterator[None]:
    """Computing rows inside raises ViewError for a record that does not fit the view.

    The problem is raised inside Spark, and its sentence stands somewhere in the text of what comes out.
    """
    try:
        yield
    except ViewError:
        raise
    except Exception as error:
        said = re.search(rf"\bview {re.escape(view_name)}: .*", str(error))
        if said is None:
            raise
        raise ViewError(f"A record does not fit the {said.group().strip()}.") from error


class ViewRows(DataFrame):
    """The rows of a view: a DataFrame whose own actions raise ViewError for a record that does not fit.

    What is derived from it is a plain DataFrame again; around that stands `record_told`.
    """

    def __init__(self, rows: DataFrame, view_name: str) -> None:
        """Wraps `rows`, which the view of that name made."""
        super().__init__(rows._jdf, rows.sparkSession)
        self._view_name = view_name

    def __getattribute__(self, name: str) -> Any:
        """Actions with the sentence, all else as it is."""
        found = super().__getattribute__(name)
        return _telling(found, super().__getattribute__("_view_name")) if name in _COMPUTING else found


def _telling(action: Callable[..., Any], view_name: str) -> Callable[..., Any]:
    @wraps(action)
    def told(*args: Any, **kwargs: Any) -> Any:
        with record_told(view_name):
            return action(*args, **kwargs)

    return told
