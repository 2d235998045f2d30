"""Commands of the package experiments: the paper's settings and what was built on them."""
