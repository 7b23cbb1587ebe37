"""The one door for writes by people: what they ask for is checked, done, and written down with who asked and when.

A row of `commands` is written before the act and completed after it. What is refused does nothing and leaves no row:
it may hold anything. A row's arguments are names of tables and checks, numbers and days; never patient data.
"""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from catalog.registry import TABLES
from lakehouse.control import Control, acknowledgements, commands, new_id, now, open_control
from lakehouse.errors import Conflict, EnvironmentFailed, InputError, LakeError
from lakehouse.findings import LANDING, Finding, read_findings, rule_named
from lakehouse.profile import as_jobs
from lakehouse.settings import Settings
from lakehouse.sql.engine import open_engine
from lakehouse.sql.queries import DASHBOARD, named_query

LOCAL = "local"
"""Who it is where nobody has to log in: the user of this machine."""
MOST_DAYS = 366
MOST_LETTERS = 500


def make_ready(settings: Settings) -> None:
    """Make the tables that commands write to where an earlier version made the lake, or nobody has yet."""
    open_control(settings)


def acknowledge(settings: Settings, who: str, table: str, check: str, *, note: str, until: str) -> str:
    """Accept a finding until a day, or until its value gets worse than it is now; returns what happened as a sentence.

    It takes the place of an earlier acknowledgement. Raises InputError for an unknown check, one that is met, a day
    that is over or more than a year ahead, or no note.
    """
    rule_named(table, check)
    last_day, reason = _day(until), _note(note)
    control = open_control(settings)
    finding = _finding(settings, table, check)
    if finding is None:
        raise InputError(f"{check} of {table} is met now: there is nothing to acknowledge.")
    arguments: dict[str, Any] = {"table": table, "check": check, "until": last_day.isoformat(), "value": finding.value}
    with _written_down(control, who, "acknowledge", arguments) as command_id:
        row = {"command_id": command_id, "table_name": table, "check_name": check, "note": reason}
        made = acknowledgements.insert().values(until_on=last_day.isoformat(), value=finding.value, **row)
        control.change(_take_back(table, check), made)
    return f"Acknowledged until {last_day.isoformat()}, or until it gets worse."


def withdraw(settings: Settings, who: str, table: str, check: str) -> str:
    """Take an acknowledgement back; InputError if there is none."""
    rule_named(table, check)
    control = open_control(settings)
    query = sa.select(acknowledgements).where(*_standing(table, check))
    if not control.select(query):
        raise InputError(f"{check} of {table} is not acknowledged: there is nothing to take back.")
    with _written_down(control, who, "withdraw", {"table": table, "check": check}):
        control.change(_take_back(table, check))
    return "The acknowledgement is taken back: the finding is open."


def replay(settings: Settings, who: str, stage: str) -> str:
    """Start `lake replay` of a stage as a process of its own; its end is written down by that process.

    Raises InputError for a stage that holds nothing back, Conflict while another replay runs.
    """
    if stage not in replayable():
        raise InputError(
            "nothing is held back under such a stage: choose landing, a table of silver, or one of the two that CSV "
            "extracts land in."
        )
    with _only_replay(settings) as lock:
        control = open_control(settings)
        _bury(control)
        command_id = new_id()
        control.change(_begun(command_id, who, "replay", {"stage": stage}))
        try:
            _start(settings, command_id, stage, lock)
        except OSError as error:
            complete(control, command_id, "failed", f"It could not be started: {error.strerror}.")
            raise EnvironmentFailed("the replay could not be started: see `lake doctor`.") from error
    return f"The replay of {stage} has begun. It takes a minute or more; this page shows when it has ended."


def replayable() -> tuple[str, ...]:
    """The stages that hold records back: the landing, what CSV extracts land in, and the tables of silver."""
    return (
        LANDING,
        "bronze.csv_row",
        "bronze.fhir_resource",
        *(name for name, table in TABLES.items() if table.schema_name == "silver"),
    )


def replay_runs(settings: Settings) -> bool:
    """Whether a replay runs. One that died without a word is written down as unknown."""
    try:
        with _only_replay(settings):
            _bury(open_control(settings))
    except Conflict:
        return True
    return False


def history(settings: Settings, limit: int) -> list[dict[str, Any]]:
    """The newest commands, newest first."""
    replay_runs(settings)
    query = sa.select(commands).order_by(commands.c.command_id.desc()).limit(limit)
    return open_control(settings).select(query)


def complete(control: Control, command_id: str, outcome: str, message: str = "") -> None:
    """Write how a command ended."""
    values = {"outcome": outcome, "message": message, "ended_at": now()}
    control.change(commands.update().where(commands.c.command_id == command_id).values(**values))


@contextmanager
def _written_down(control: Control, who: str, command: str, arguments: dict[str, Any]) -> Iterator[str]:
    """The command's row before the act and after it; gives its id. Killed in between, it stays `begun`."""
    command_id = new_id()
    control.change(_begun(command_id, who, command, arguments))
    try:
        yield command_id
    except BaseException as error:
        # Another error's message may quote data.
        complete(control, command_id, "failed", str(error) if isinstance(error, LakeError) else type(error).__name__)
        raise
    complete(control, command_id, "done")


def _begun(command_id: str, who: str, command: str, arguments: dict[str, Any]) -> sa.Insert:
    if not who:
        raise InputError("a command needs someone who asks for it.")
    row = {"command_id": command_id, "at": now(), "who": who, "command": command}
    return commands.insert().values(arguments=json.dumps(arguments), outcome="begun", message="", **row)


def _standing(table: str, check: str) -> tuple[sa.ColumnElement[bool], ...]:
    a = acknowledgements.c
    return (a.table_name == table, a.check_name == check, a.withdrawn_at.is_(None))


def _take_back(table: str, check: str) -> sa.Update:
    return acknowledgements.update().where(*_standing(table, check)).values(withdrawn_at=now())


def _day(text: str) -> date:
    today = datetime.now(UTC).date()
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        raise InputError("say until which day it is accepted, as 2026-01-31.") from None
    if not today <= day <= today + timedelta(days=MOST_DAYS):
        raise InputError("the last day must not be over, nor more than a year ahead: look at it again then.")
    return day


def _note(text: str) -> str:
    note = " ".join((text or "").split())
    if not note or len(note) > MOST_LETTERS or not note.isprintable():
        raise InputError(f"say in a sentence why it is accepted, in {MOST_LETTERS} characters at most.")
    return note


def _finding(settings: Settings, table: str, check: str) -> Finding | None:
    """The finding as it stands now."""
    with closing(open_engine(settings)) as engine:
        found = read_findings(
            lambda name: engine.query(named_query(f"{DASHBOARD}/{name}")).to_pylist(),
            datetime.now(UTC).date(),
            has_quarantine=TABLES[table].schema_name == "silver",
        )
    return next((f for f in found if (f.table, f.check) == (table, check)), None)


@contextmanager
def _only_replay(settings: Settings) -> Iterator[IO[str]]:
    """Hold the lock of replays; what is started with it open holds it on. Raises Conflict if another does."""
    path = settings.root / "replay.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise EnvironmentFailed(f"{path} can't be written ({error.strerror}); check its permissions.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("a replay runs already: wait until it has ended.") from None
        yield file


def _bury(control: Control) -> None:
    """Under the lock: replays that say they run are dead, and nobody knows how far they came."""
    dead = commands.c.command == "replay", commands.c.outcome == "begun"
    said = "Its process ended without a word; `lake runs` shows how far it came."
    if control.select(sa.select(commands.c.command_id).where(*dead)):
        control.change(commands.update().where(*dead).values(outcome="unknown", message=said, ended_at=now()))


def _start(settings: Settings, command_id: str, stage: str, lock: IO[str]) -> None:
    log = log_of(settings, command_id)
    log.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    fd = lock.fileno()
    try:
        started = subprocess.Popen(  # noqa: S603 - own command line, the stage is one of a list
            [sys.executable, "-m", "lakehouse.replaying", command_id, stage, str(log), str(fd)],
            stdin=subprocess.DEVNULL, stdout=descriptor, stderr=descriptor,
            env=os.environ | as_jobs(settings).environment(), start_new_session=True, pass_fds=(fd,),
        )  # fmt: skip
    finally:
        os.close(descriptor)
    _reap(started)


def _reap(process: "subprocess.Popen[bytes]") -> None:
    """Wait for it aside, so that it leaves no zombie; the thread holds nothing up when this process ends."""
    import threading

    def wait() -> None:
        with suppress(OSError):
            process.wait()

    threading.Thread(target=wait, daemon=True).start()


def log_of(settings: Settings, command_id: str) -> Path:
    """Where a replay writes what it says."""
    return settings.root / "logs" / f"replay-{command_id}.log"
