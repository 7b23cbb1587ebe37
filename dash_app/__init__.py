"""The dashboard: pages over the lake. It reads through lakehouse.sql and writes through lakehouse.commands."""
