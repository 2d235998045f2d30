"""Listing the files that a name, a folder, a prefix or a glob stands for."""
