"""SQL in Trino's dialect over the lake and the control database, for reading only."""
