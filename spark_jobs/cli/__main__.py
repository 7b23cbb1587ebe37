"""`python -m spark_jobs.cli` is `lake`."""

from spark_jobs.cli import main

main(prog_name="lake")
