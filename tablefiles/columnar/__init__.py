"""Columnar formats: rows found by their number."""
