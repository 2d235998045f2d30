"""Runs that put the packages together: the demo on the standard library's docstrings."""
