"""Watching the lake: what its own records and the catalog tell, as metrics, and whether its parts answer."""
