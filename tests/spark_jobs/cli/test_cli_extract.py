"""`lake ingest csv` without Spark: which files it would read, which mappings there are, and what it says at the end."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spark_jobs.cli import main
from spark_jobs.cli.extract import show_csv
from spark_jobs.ingest.extract.account import ExtractLanding, FileCounts


def dry_run(folder: Path, mapping: str) -> Result:
    """A dry run over one file, on a lake of its own."""
    file = folder / "a.csv"
    file.write_text("RecordID,Time,Parameter,Value\n", encoding="utf-8")
    arguments = ["--home", str(folder / "lake"), "ingest", "csv", "--dry-run", "--mapping", mapping, str(file)]
    return CliRunner().invoke(main, arguments)


def test_a_dry_run_lists_the_files(tmp_path: Path) -> None:
    said = dry_run(tmp_path, "physionet2012")
    assert said.exit_code == 0, said.output
    assert "a.csv" in said.output
    assert "would be read" in said.output


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ("nobodys", "there are physionet2012, uci_diabetes130"),
        ("none.json", "none.json can't be read"),
        ("wrong.json", "Mapping wrong is not JSON"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_bad_input(
    tmp_path: Path, mapping: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.json").write_text("{", encoding="utf-8")
    said = dry_run(tmp_path, mapping)
    assert said.exit_code == 3
    assert sentence in said.output


def test_the_summary_accounts_for_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    counts = {"a.csv": FileCounts(5, 0, 2, 1, 1), "b.csv": FileCounts(value_table=3)}
    made = {("a.csv", "Observation"): 7, ("a.csv", "Patient"): 1}
    show_csv(ExtractLanding("batch", counts, made, 1000, ["c.csv"], ["d.csv"], ["ward"]), 1.0)
    said = capsys.readouterr()
    assert (
        "12 rows = 5 translated + 3 of value tables + 2 without a value + 1 held back + 1 blank; 8 resources"
        in said.out
    )
    assert "Skipped 1 files" in said.out
    assert "d.csv is empty" in said.err
    assert "what the codes of ward mean" in said.err
    assert "lake quarantine" in said.err
