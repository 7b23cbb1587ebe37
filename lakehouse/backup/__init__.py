"""Backup and restore of a whole lake: the catalog's pointers, the files they reach, and the control database."""
