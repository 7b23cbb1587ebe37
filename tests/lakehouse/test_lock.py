"""One writer at a time, and no lock outlives its holder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.errors import Conflict, EnvironmentFailed
from lakehouse.lock import writing
from lakehouse.settings import Settings
from tests.lakes import empty_lake

HOLD = "import sys;from lakehouse.lock import writing;from lakehouse.settings import Settings\n"
HOLD += "with writing(Settings()): print('held', flush=True); sys.stdin.read()"


def test_a_second_process_is_told_who_writes_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    settings = empty_lake(Settings(), tmp_path)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env=os.environ | settings.environment(),
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Conflict, match=rf"\b{holder.pid}\)"), writing(settings):
            pass
        holder.kill()
    with writing(settings):
        pass


@pytest.mark.skipif(Settings().profile == "stack", reason="on servers the lock is PostgreSQL's, not a file's")
def test_a_home_that_cannot_be_made_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFailed, match="LAKE_HOME"), writing(Settings(home=tmp_path / "file" / "lake")):
        pass
