"""Makes the data of `infra/sample` again: invented people by Synthea and clinosim, and the planted faults.

Run it after a change of the generators or of the faults: ``.venv/bin/python infra/sample/make_sample.py``. It needs the
development packages (clinosim) and fetches Synthea's jars on first use. Without a change it writes the same bytes.
"""

import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from lakehouse.settings import Settings
from spark_jobs.demo.faults import FAULTS
from spark_jobs.demo.synthea import Population, generate

HERE = Path(__file__).resolve().parent
# Of the first seeds, the one whose fifteen living people come with dead ones, hospital stays and all resource types.
PEOPLE = Population(15, seed=5, years=3)
CLINOSIM_OPTIONS = ("--country", "US", "--population", "40", "--seed", "42")
CLINOSIM_PERIOD = ("--start", "2025-01-01", "--end", "2026-01-01")
# CPT may not be redistributed without a licence, its bare codes neither; the text of the procedure stays.
CPT = "http://www.ama-assn.org/go/cpt"


def without_cpt(node: Any) -> Any:
    """A JSON value without the codings of CPT, and without the lists that have become empty by that."""
    if isinstance(node, dict):
        kept = {key: without_cpt(value) for key, value in node.items()}
        return {key: value for key, value in kept.items() if value != [] or node[key] == []}
    if isinstance(node, list):
        return [without_cpt(item) for item in node if not (isinstance(item, dict) and item.get("system") == CPT)]
    return node


def _pack(lines: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(lines, 9, mtime=0))


def make_synthea(work: Path) -> None:
    """Everything that Synthea wrote, but for its import request, which is one of the faults."""
    for file in sorted(generate(PEOPLE, work / "synthea", Settings()).glob("*.ndjson")):
        _pack(file.read_bytes(), HERE / "synthea" / f"{file.name}.gz")


def make_clinosim(work: Path) -> None:
    """Everything that clinosim wrote, but for CPT codes."""
    program = Path(sys.executable).with_name("clinosim")
    command = [
        str(program),
        "simulate",
        *CLINOSIM_OPTIONS,
        *CLINOSIM_PERIOD,
        "--format",
        "fhir-r4",
        "--output",
        str(work),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - own command line
    for file in sorted((work / "fhir_r4").glob("*.ndjson")):
        resources = [without_cpt(json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
        lines = [json.dumps(resource, ensure_ascii=False) + "\n" for resource in resources]
        _pack("".join(lines).encode(), HERE / "clinosim" / f"{file.name}.gz")


def make_faults() -> None:
    """The planted faults, from `spark_jobs/demo/faults.py`."""
    (HERE / "faults").mkdir(exist_ok=True)
    for fault in FAULTS:
        (HERE / "faults" / fault.file_name).write_bytes(fault.content)


def main() -> None:
    """Replace all three folders."""
    for name in ("synthea", "clinosim", "faults"):
        shutil.rmtree(HERE / name, ignore_errors=True)
    with tempfile.TemporaryDirectory() as work:
        make_synthea(Path(work))
        make_clinosim(Path(work) / "clinosim")
    make_faults()
    size = sum(file.stat().st_size for file in HERE.rglob("*") if file.is_file())
    print(f"{HERE}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
