"""Conforming: from the rows of a FHIR view to the rows of a silver table, one module a table."""
