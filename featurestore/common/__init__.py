"""Small things that every package uses and that know nothing of a store."""

from encore.featurestore.common.arguments import as_text, settle_fields, settled, several
from encore.featurestore.common.arrays import Int64s, Vectors
from encore.featurestore.common.lazy_attribute import lazy
from encore.featurestore.common.lazy_torch import torch
from encore.featurestore.common.messages import class_and_line, first_line, without_quotes
from encore.featurestore.common.panics import panics_as_errors
from encore.featurestore.common.progress import ProgressCallback, silent
from encore.featurestore.common.quantities import counted, human_bytes
from encore.featurestore.common.schedule import share_of_rate

__all__ = [
    "Int64s",
    "ProgressCallback",
    "Vectors",
    "as_text",
    "class_and_line",
    "counted",
    "first_line",
    "human_bytes",
    "lazy",
    "panics_as_errors",
    "settle_fields",
    "settled",
    "several",
    "share_of_rate",
    "silent",
    "torch",
    "without_quotes",
]
