"""SQL in Trino's dialect over the lake and the control database, for reading only."""

import logging

# sqlglot logs the text of what it does not know, and a query may hold patient data.
logging.getLogger("sqlglot").addHandler(logging.NullHandler())
logging.getLogger("sqlglot").propagate = False
