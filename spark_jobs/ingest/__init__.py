"""From files to records: what `lake ingest` reads, before anything is written."""
