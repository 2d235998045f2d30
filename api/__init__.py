"""Encore from Python: what `import encore` offers; the names are in `encore.__all__`."""
