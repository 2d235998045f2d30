"""The cost model: bytes, FLOPs and money by arithmetic alone (paper, tables 2 and 3, figure 4)."""

from encore.experiments.cost.compute import (
    CostLine,
    Methods,
    classifier_flops,
    folded_attention_flops,
    pair_attention_flops,
    paper_attention_flops,
)
from encore.experiments.cost.encoder_shapes import BUILT_IN, EncoderShape, encoder_shape
from encore.experiments.cost.money import Corpus, MoneyComparison, Prices, compare_money
from encore.experiments.cost.storage import StorageRow, document_bytes, storage_rows

__all__ = [
    "BUILT_IN",
    "Corpus",
    "CostLine",
    "EncoderShape",
    "Methods",
    "MoneyComparison",
    "Prices",
    "StorageRow",
    "classifier_flops",
    "compare_money",
    "document_bytes",
    "encoder_shape",
    "folded_attention_flops",
    "pair_attention_flops",
    "paper_attention_flops",
    "storage_rows",
]
