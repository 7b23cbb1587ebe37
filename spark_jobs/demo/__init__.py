"""Data to show the lakehouse with, where there is none of your own."""
