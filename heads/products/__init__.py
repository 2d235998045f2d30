"""Matrix products on a CPU, by the fastest of oneDNN, OpenBLAS and torch that is there."""

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
