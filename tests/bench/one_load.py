"""One load in a process of its own, cold as people meet it: lands files, makes silver, prints seconds as JSON.

What comes behind `--then` is landed afterwards, not timed, and followed by all tables of silver and gold. The lake is
the one of the environment.
"""

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import timed

from lakehouse.settings import Settings
from spark_jobs.jobs import ALL
from spark_jobs.lake import Lake, open_lake
from spark_jobs.schedule import choose

if TYPE_CHECKING:
    from spark_jobs.ingest.land import Landing


def main() -> None:
    """Load, and say how long each part took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--then", type=Path, nargs="+", default=[])
    arguments = parser.parse_args()
    started = time.monotonic()
    with open_lake(Settings()) as lake:
        session = time.monotonic() - started
        landing, landed = timed(lambda: land(lake, arguments.files))
        _, ran = timed(lambda: run(lake, "silver"))
        if arguments.then:
            land(lake, arguments.then)
            run(lake, "silver", "gold")
    seconds = {"session start": session, "landing (bronze)": landed, "silver, gates included": ran}
    print(json.dumps({"resources": landing.counts.landed, "seconds": seconds}))


def land(lake: Lake, files: list[Path]) -> "Landing":
    """Land files and folders, in silence."""
    return lake.land([str(f) for f in files], lambda what, done, total: None)


def run(lake: Lake, *layers: str) -> None:
    """Make the tables of these layers; a failure ends the benchmark."""
    _, failures = lake.run(choose(ALL, layers))
    if failures:
        raise SystemExit("; ".join(f.sentence for f in failures))


if __name__ == "__main__":
    main()
