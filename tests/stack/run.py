"""The tests of the write path once more, on real servers: `make test-stack-jobs`.

PostgreSQL and MinIO are started in a folder and on ports of their own. The tests' lakes are on them, for LAKE_PROFILE
says so, each with databases and a place in the bucket of its own.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lakehouse.settings import Settings
from tests.stack.conftest import free_ports
from tests.stack.servers import HOME

SIDE_BY_SIDE = (
    *("tests/spark_jobs", "tests/lakehouse/test_lock.py", "tests/lakehouse/test_submit.py"),
    # These make rows of rows, and come near no table and no server.
    *("--ignore=tests/spark_jobs/conform", "--ignore=tests/spark_jobs/marts"),
)
FAULTS = ("", "_store", "_commit", "_disk", "_runs", "_clock")
ALONE = (*(f"tests/stack/test_faults{name}.py" for name in FAULTS), "tests/stack/test_restore.py")
"""These take servers away, and nobody else may need them then."""
COUNTED = ("--cov", "--cov-report=", "--cov-fail-under=0")
"""Only here does code run that deals with a server that fails; the other tests reach what they reach embedded."""


def main(arguments: list[str]) -> int:
    """Start the servers, run the tests, stop the servers; the exit code of pytest."""
    with tempfile.TemporaryDirectory(prefix="carelake-stack-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # started by root, PostgreSQL runs as another user and has to get in
        port = free_ports(7)
        settings = Settings(
            home=home,
            cache=Settings().cache_dir,
            secrets=home / "secrets",
            profile="stack",
            postgres=f"127.0.0.1:{port}",
            s3=f"http://127.0.0.1:{port + 1}",
            trino=f"https://127.0.0.1:{port + 2}",
        )
        environment = os.environ | settings.environment() | {HOME: folder}
        native = [sys.executable, "-m", "infra.native"]
        try:
            # As people start them: children of this process would stay behind as zombies when a test kills them.
            for server in ("postgres", "minio"):
                subprocess.run([*native, "up", server], env=environment, check=True)
            chosen = ["-m", "not slow and not embedded"]
            parallel = ["-n", os.environ.get("WORKERS", "2"), "--dist", "loadfile"]
            runs = [arguments] if arguments else [[*SIDE_BY_SIDE, *chosen, *parallel], [*ALONE, *chosen, *COUNTED]]
            codes = [
                subprocess.run([sys.executable, "-m", "pytest", *run], env=environment, check=False).returncode
                for run in runs
            ]
            return max(codes)
        finally:
            subprocess.run([*native, "down"], env=environment, check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
