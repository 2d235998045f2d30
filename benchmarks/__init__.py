"""Benchmarks: ratios measured side by side in one run, never asserted in a test."""

from cli.numpy_kernels import choose_numpy_kernels

# As the command line does for the jobs that are measured; it has to come before anything imports NumPy.
choose_numpy_kernels()
