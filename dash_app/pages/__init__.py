"""The pages, one module each with a constant PAGE."""
