"""The declarations, one module a layer, each table a constant, in reading order."""
