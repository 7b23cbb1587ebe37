"""One load in a process of its own, cold as people meet it: lands files, runs layers, prints seconds as JSON.

The lake is the one of the environment.
"""

import argparse
import json
import time
from pathlib import Path

from bench import timed

from lakehouse.settings import Settings
from spark_jobs.jobs import ALL
from spark_jobs.lake import open_lake
from spark_jobs.schedule import choose


def main() -> None:
    """Load, and say how long each part took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--layers", nargs="+", required=True)
    arguments = parser.parse_args()
    started = time.monotonic()
    with open_lake(Settings()) as lake:
        session = time.monotonic() - started
        landing, landed = timed(lambda: lake.land([str(f) for f in arguments.files], lambda what, done, total: None))
        (_, failures), ran = timed(lambda: lake.run(choose(ALL, arguments.layers)))
    if failures:
        raise SystemExit("; ".join(f.sentence for f in failures))
    seconds = {"session start": session, "landing (bronze)": landed, " and ".join(arguments.layers): ran}
    print(json.dumps({"resources": landing.counts.landed, "seconds": seconds}))


if __name__ == "__main__":
    main()
