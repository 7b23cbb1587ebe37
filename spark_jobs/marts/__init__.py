"""What gold tables are made of: one plain function a table."""
