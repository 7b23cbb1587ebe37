"""SQL on FHIR v2: ViewDefinitions compiled to native Spark columns.

`run_view` runs a view on resources; `compile_view` validates one without Spark and can be put on records of a batch or
a stream with `project`. ViewError names the element of an invalid view.
"""

from lakehouse.errors import ViewError
from lakehouse.fhir.columns import OutputColumn
from lakehouse.fhir.told import record_told
from lakehouse.fhir.view import CompiledView, compile_view, run_view

__all__ = ["CompiledView", "OutputColumn", "ViewError", "compile_view", "record_told", "run_view"]
