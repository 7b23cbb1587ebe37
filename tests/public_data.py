"""Where the public data sets lie that some tests read: beside the checkout, or nowhere."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"
