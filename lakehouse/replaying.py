"""`python -m lakehouse.replaying`: one `lake replay` as a process of its own, which writes down how it ended.

It outlives the dashboard that started it. The lock that it was started with is open in it and in what it starts, so
the lock is held until both have ended, however they end.
"""

import subprocess
import sys

_ENDS = {
    0: "What was held back was tried again; what is held back still shows under its reason.",
    4: "A gate failed: readers of that table see the earlier state.",
    5: "This machine lacks something; `lake doctor` says what.",
    6: "Someone else is writing to this lake: replay again when they are done.",
    7: "A declaration does not fit the live table; `lake tables --diff` shows where.",
}


def said(exit_code: int, log: str) -> tuple[str, str]:
    """The outcome and message of a replay by the exit code of `lake replay`; `log` is where more is written."""
    if exit_code == 0:
        return "done", _ENDS[0]
    return "failed", f"{_ENDS.get(exit_code, f'It ended with exit code {exit_code}.')} Its log is {log}."


def main(command_id: str, stage: str, log: str, lock: str) -> None:
    """Replay a stage and complete the row of the command."""
    command = [sys.executable, "-m", "spark_jobs.cli", "replay", "--stage", stage]
    ended = subprocess.run(command, pass_fds=(int(lock),), stdin=subprocess.DEVNULL, check=False)  # noqa: S603 - own command line
    from lakehouse.commands import complete
    from lakehouse.control import open_control
    from lakehouse.settings import Settings

    outcome, message = said(ended.returncode, log)
    complete(open_control(Settings()), command_id, outcome, message)


if __name__ == "__main__":
    main(*sys.argv[1:])
