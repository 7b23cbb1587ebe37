"""Pure functions from a declaration to something an engine or a person reads; one file each."""
