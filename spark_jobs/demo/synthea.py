"""Invented patients from Synthea (https://github.com/synthetichealth/synthea), the same bytes each time."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.jars import Progress, ensure_jars
from lakehouse.java import find_java
from lakehouse.settings import Settings

# Synthea 3.3.0 wrote 1.97 GB for 1,000 people (1,154 with the dead) and five years; with room for the unlucky.
BYTES_PER_PATIENT = 2_500_000
_PERSON = re.compile(r"^(\d+) -- ")


@dataclass(frozen=True, slots=True)
class Population:
    """Who is invented: the same values give the same bytes.

    `patients` are alive on `reference_date`; those who died come on top. `years` of history count back from that day.
    """

    patients: int
    seed: int = 1
    years: int = 5
    reference_date: str = "20260101"

    def arguments(self, folder: Path) -> list[str]:
        """Synthea's command line: FHIR R4 as NDJSON below `folder`, with the organizations and people who treat."""
        return [
            *("-p", str(self.patients), "-s", str(self.seed), "-cs", str(self.seed)),
            *("-r", self.reference_date, "-e", self.reference_date),
            "--exporter.fhir.bulk_data=true",
            "--exporter.hospital.fhir.export=true",
            "--exporter.practitioner.fhir.export=true",
            f"--exporter.years_of_history={self.years}",
            "--generate.only_alive_patients=false",
            "--generate.thread_pool_size=1",  # with more, the order of people and so of ids is a matter of luck
            f"--exporter.baseDirectory={folder}{os.sep}",
        ]


def generate(
    population: Population,
    out: Path,
    settings: Settings,
    progress: Callable[[int, int], None] | None = None,
    jar_progress: Progress | None = None,
) -> Path:
    """Invent people into `out` and return the folder of NDJSON files, one a resource type.

    A complete folder of the same population is kept as it is; anything else in its place is replaced. `progress` hears
    (people done, people wanted), `jar_progress` the bytes of Synthea's jars on first use. Raises InputError for a
    population that cannot be, EnvironmentFailed where Java, a jar, memory or disk space is missing.
    """
    if population.patients < 1:
        raise InputError("At least one patient has to be asked for.")
    stamp = json.dumps(dataclasses.asdict(population))
    marker = out / "population.json"
    if marker.is_file() and marker.read_text(encoding="utf-8") == stamp:
        return out / "fhir"
    java = find_java()
    jars = ensure_jars("synthea", settings.cache_dir / "jars" / "synthea", settings.maven_url, jar_progress)
    out.parent.mkdir(parents=True, exist_ok=True)
    _require_space(out.parent, population.patients * BYTES_PER_PATIENT)
    # Synthea appends to files that are there, so each run has a folder of its own, moved into place when it is whole.
    part = Path(tempfile.mkdtemp(prefix=f"{out.name}.", suffix=".part", dir=out.parent))
    try:
        _run(java.executable, jars, population, part, progress)
        (part / "population.json").write_text(stamp, encoding="utf-8")
        part.chmod(0o755)
        shutil.rmtree(out, ignore_errors=True)
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out / "fhir"


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise EnvironmentFailed(
            f"{folder} has {free / 1e9:.1f} GB free and about {needed / 1e9:.1f} GB are needed: "
            "ask for fewer patients, or set LAKE_HOME to a larger disk."
        )


def _run(
    java: Path,
    jars: Sequence[Path],
    population: Population,
    folder: Path,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Run Synthea in a JVM of its own: its 144 jars do not go together with Spark's."""
    command = [
        *(str(java), "-Xmx3g", "-Djava.awt.headless=true"),
        # Without these the bytes depend on where the machine stands and what it speaks.
        *("-Duser.timezone=UTC", "-Duser.language=en", "-Duser.country=US", "-Dfile.encoding=UTF-8"),
        *("-cp", os.pathsep.join(map(str, jars)), "App", *population.arguments(folder)),
    ]
    memory_is_short = False
    process = subprocess.Popen(  # noqa: S603 - own command line
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    with process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                memory_is_short |= "OutOfMemoryError" in line
                if progress is not None and (person := _PERSON.match(line)):
                    progress(int(person.group(1)), population.patients)
            code = process.wait()
        finally:
            process.kill()  # only when this is left by an exception: it has ended otherwise
    if code != 0 or not (folder / "fhir" / "Patient.ndjson").is_file():
        cause = "ran out of memory" if memory_is_short else f"ended with exit code {code} before it was done"
        raise EnvironmentFailed(
            f"Synthea {cause}: check the free memory (it may use 3 GB) and disk, or ask for fewer patients."
        )
