"""Experiments and the demo: runs that use all other packages together."""
