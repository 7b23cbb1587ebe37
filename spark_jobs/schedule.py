"""Several jobs in one Spark session, side by side where none waits for another."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from lakehouse.errors import InputError, LakeError
from spark_jobs.job import Job
from spark_jobs.mart import Mart
from spark_jobs.runner import RunResult

AnyJob = Job | Mart


@dataclass(frozen=True)
class Failure:
    """A job that came to nothing. `error` is None where it was held back because a job that it reads from failed."""

    table: str
    error: Exception | None

    @property
    def sentence(self) -> str:
        """What to tell a person; an unforeseen error is named by its kind only, for its text may quote data."""
        if self.error is None:
            return f"{self.table} was held back, because a table that it reads from failed."
        if isinstance(self.error, LakeError):
            return str(self.error)
        return f"{self.table} failed with {type(self.error).__name__}; `lake --debug run …` shows the details."


def choose(jobs: Sequence[AnyJob], names: Sequence[str]) -> list[AnyJob]:
    """The jobs called for: `all`, a layer (`silver`), a table (`silver.patient`) or its short name (`patient`)."""
    chosen: list[AnyJob] = []
    for name in names:
        fitting = [j for j in jobs if name in ("all", j.writes.schema_name, j.writes.name, j.writes.short_name)]
        if not fitting:
            known = ", ".join(
                dict.fromkeys(("all", *(j.writes.schema_name for j in jobs), *(j.writes.name for j in jobs)))
            )
            raise InputError(f"No job makes {name!r}; there are {known}.")
        chosen += [j for j in fitting if j not in chosen]
    return chosen


def run_side_by_side(
    jobs: Sequence[AnyJob], run: Callable[[AnyJob], RunResult], parallel: int
) -> tuple[list[RunResult], list[Failure]]:
    """Run each job once those among `jobs` that it reads from or refers to have ended.

    If one that it reads from failed, it is held back. One that it merely refers to only comes first so that references
    are looked up in what is new.
    """
    waiting = list(jobs)
    running: dict[Future[RunResult], AnyJob] = {}
    done: set[str] = set()
    results: list[RunResult] = []
    failures: list[Failure] = []
    chosen = {j.writes.name for j in jobs}
    with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="job") as pool:
        while waiting or running:
            failed = {f.table for f in failures}
            for job in [j for j in waiting if _reads(j) & failed]:
                waiting.remove(job)
                failures.append(Failure(job.writes.name, None))
            ended = done | failed
            ready = [j for j in waiting if not (_follows(j) & chosen) - ended]
            for job in ready or ([] if running else waiting[:1]):  # tables may refer to each other in a circle
                if len(running) < parallel:
                    waiting.remove(job)
                    running[pool.submit(run, job)] = job
            if not running:
                continue
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                error = future.exception()
                if error is None:
                    results.append(future.result())
                    done.add(job.writes.name)
                elif isinstance(error, Exception):
                    failures.append(Failure(job.writes.name, error))
                else:
                    raise error
    return results, failures


def _follows(job: AnyJob) -> set[str]:
    return _reads(job) | {c.ref for c in job.writes.columns if c.ref} - {job.writes.name}


def _reads(job: AnyJob) -> set[str]:
    return {table.name for table in job.read_tables} - {job.writes.name}
