"""What people ask of the lake, one function each: land files, run jobs. The command line only shows it."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from catalog.mapping import CsvMapping
from lakehouse.commit_guard import guard_commits
from lakehouse.control import Control, open_control
from lakehouse.lock import writing
from lakehouse.outages import check_object_store, explained
from lakehouse.session import spark_session
from lakehouse.settings import Settings
from spark_jobs.report import command
from spark_jobs.runner import Observer, RunResult, run_job, silent
from spark_jobs.schedule import AnyJob, Failure, run_side_by_side

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_jobs.ingest.delta import DeltaLanding
    from spark_jobs.ingest.delta_fhir import FhirLanding
    from spark_jobs.ingest.extract.account import ExtractLanding
    from spark_jobs.ingest.land import Landing


@dataclass(frozen=True)
class Lake:
    """An open lake: one Spark session, the control database, and the right to write."""

    spark: "SparkSession"
    control: Control
    settings: Settings

    @property
    def as_of(self) -> str:
        """The run's clock as a UTC day: the setting, else today."""
        return self.settings.as_of or datetime.now(UTC).date().isoformat()

    def land(
        self, paths: Sequence[str], progress: Callable[[str, int, int], None], observe: Observer = silent
    ) -> "Landing":
        """Ingest FHIR files, folders and globs; `progress` hears (what, done, total) in bytes."""
        from spark_jobs.ingest import land
        from spark_jobs.ingest.discover import discover

        threads = self.settings.cores or os.cpu_count() or 2
        files = land.look_at(discover(paths), self.settings, threads, lambda d, t: progress("Looking at files", d, t))
        with command(self.settings, "lake ingest fhir") as parent:
            return land.ingest(
                self.spark,
                self.control,
                self.settings,
                files,
                progress=lambda d, t: progress("Landing records", d, t),
                observe=observe,
                parent=parent,
            )

    def land_again(self, *, encoding: str | None = None, source_file: str | None = None) -> "Landing":
        """Try again what could not land; see `ingest.land.replay`."""
        from spark_jobs.ingest.land import replay

        given = (self.spark, self.control, self.settings)
        with command(self.settings, "lake replay") as parent:
            return replay(*given, encoding=encoding, source_file=source_file, parent=parent)

    def land_csv(
        self,
        mapping: CsvMapping,
        paths: Sequence[str],
        progress: Callable[[str, int, int], None],
        observe: Observer = silent,
        *,
        again: bool = False,
    ) -> "ExtractLanding":
        """Ingest CSV files, folders and globs by a mapping; `progress` hears (what, done, total) in bytes.

        `again` reads files that this mapping has read before once more.
        """
        from spark_jobs.ingest import land
        from spark_jobs.ingest.discover import discover
        from spark_jobs.ingest.extract.land import ingest_csv

        threads = self.settings.cores or os.cpu_count() or 2
        files = land.look_at(discover(paths), self.settings, threads, lambda d, t: progress("Looking at files", d, t))
        with command(self.settings, "lake replay" if again else "lake ingest csv") as parent:
            return ingest_csv(
                self.spark,
                self.control,
                self.settings,
                mapping,
                files,
                progress=lambda d, t: progress("Landing rows", d, t),
                observe=observe,
                parent=parent,
                again=again,
            )

    def land_delta(
        self, path: str, fhir_column: str | None = None, name: str | None = None, observe: Observer = silent
    ) -> "DeltaLanding | FhirLanding":
        """Ingest what is new in a Delta table: its rows, or the FHIR resources of one of its columns."""
        from spark_jobs.ingest import delta, delta_fhir

        given = (self.spark, self.control, self.settings, path)
        with command(self.settings, "lake ingest delta") as parent:
            if fhir_column:
                return delta_fhir.ingest(*given, fhir_column, name, observe=observe, parent=parent)
            return delta.ingest(*given, name, observe=observe, parent=parent)

    def run(
        self,
        jobs: Sequence[AnyJob],
        *,
        full: bool = False,
        retry_held: bool = False,
        observe: Observer = silent,
    ) -> tuple[list[RunResult], list[Failure]]:
        """Run these jobs, side by side where they can; see `run_job` for what each does."""

        with command(self.settings, "lake run") as parent:

            def one(job: AnyJob) -> RunResult:
                return run_job(
                    self.spark,
                    self.control,
                    self.settings,
                    job,
                    self.as_of,
                    full=full,
                    retry_held=retry_held,
                    observe=observe,
                    parent=parent,
                )

            return run_side_by_side(jobs, one, self.settings.parallel_jobs)


@contextmanager
def open_lake(settings: Settings) -> Iterator[Lake]:
    """Take the lake's write lock and start Spark; both are let go at the end.

    Raises EnvironmentFailed before Spark starts where a server is away or does not let us in.
    """
    check_object_store(settings)
    with writing(settings), spark_session(settings) as spark, explained(settings):
        guard_commits(spark, settings)
        yield Lake(spark, open_control(settings), settings)
