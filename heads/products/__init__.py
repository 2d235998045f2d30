"""Matrix products on a CPU: oneDNN's, OpenBLAS's, torch's, whichever is at hand."""

from encore.heads.products.bmm import batched, large
from encore.heads.products.linear import product
from encore.heads.products.openblas import ROWS, laid_out, multiply, weighted_sums

__all__ = [
    "ROWS",
    "batched",
    "laid_out",
    "large",
    "multiply",
    "product",
    "weighted_sums",
]
