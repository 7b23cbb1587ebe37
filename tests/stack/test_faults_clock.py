"""A machine whose clock is wrong: it is told so, and no row depends on which clock landed it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.control import runs
from lakehouse.errors import EnvironmentFailed
from lakehouse.settings import Settings
from spark_jobs.lake import Lake
from tests.spark_jobs.tiny import ingest, observation, rows, run, write
from tests.stack import servers

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(servers.HOME not in os.environ, reason="`make test-stack-jobs` starts the servers"),
]
ROOT = Path(__file__).parents[2]
SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
static long off(void) { const char *s = getenv("CLOCK_OFFSET_SECONDS"); return s ? atol(s) : 0; }
int clock_gettime(clockid_t id, struct timespec *t) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int r = real(id, t);
    if (!r && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) t->tv_sec += off();
    return r;
}
int gettimeofday(struct timeval *restrict t, void *restrict z) {
    struct timespec s;
    clock_gettime(CLOCK_REALTIME, &s);
    t->tv_sec = s.tv_sec; t->tv_usec = s.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *t) { struct timespec s; clock_gettime(CLOCK_REALTIME, &s); if (t) *t = s.tv_sec; return s.tv_sec; }
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that moves the clock of the process that it is loaded into."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("a C compiler makes the library that moves a process's clock")
    source = tmp_path_factory.mktemp("clock") / "clock.c"
    source.write_text(SHIM)
    library = source.with_suffix(".so")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    return library


def lake_at(shim: Path, seconds: int, settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command on a machine whose clock is off by so much."""
    moved = {"LD_PRELOAD": str(shim), "CLOCK_OFFSET_SECONDS": str(seconds), "LAKE_DRIVER_MEMORY": "1g"}
    environment = os.environ | settings.environment() | {"PYTHONPATH": str(ROOT)} | moved
    command = [sys.executable, "-m", "spark_jobs.cli", *arguments]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)


@pytest.mark.parametrize("seconds", [-3600, 3600, -120])
def test_a_wrong_clock_is_told_before_anything_is_done(lake: Lake, shim: Path, tmp_path: Path, seconds: int) -> None:
    file = write(tmp_path, "a.ndjson", [observation("a", 1)])
    told = lake_at(shim, seconds, lake.settings, "ingest", "fhir", str(file))
    assert told.returncode == EnvironmentFailed.exit_code, told.stderr
    (line,) = [line for line in told.stderr.splitlines() if line]
    assert line.startswith("The clock of this machine")
    assert not lake.control.select(runs.select()), "nothing was begun"


def test_the_later_version_wins_whichever_clock_landed_it(lake: Lake, shim: Path, tmp_path: Path) -> None:
    newer = write(tmp_path, "b.ndjson", [observation("a", 2, at="2026-01-02T00:00:00Z")])
    older = write(tmp_path, "a.ndjson", [observation("a", 1, at="2026-01-01T00:00:00Z")])
    told = lake_at(shim, -50, lake.settings, "ingest", "fhir", str(newer))
    assert told.returncode == 0, told.stderr[-2000:]
    ingest(lake, older)
    run(lake)
    assert rows(lake) == [("a", "final", 2)]
    assert run(lake).state == "unchanged"
