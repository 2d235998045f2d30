"""Encore's Python interface: the names in `encore.__all__`."""
