"""The cost model: bytes, FLOPs and money by arithmetic alone (paper, tables 2 and 3, figure 4)."""

from encore.experiments.cost.compute import (
    CostLine,
    Methods,
    classifier_flops,
    first_cheaper,
    folded_attention_flops,
    pair_attention_flops,
    paper_attention_flops,
    round_up,
)
from encore.experiments.cost.encoder_shapes import BUILT_IN, EncoderShape, encoder_shape
from encore.experiments.cost.figure import check_figure, write_figure
from encore.experiments.cost.money import ComputeCost, CorpusSize, MoneyComparison, Prices, compare_money
from encore.experiments.cost.reference import printed_flops
from encore.experiments.cost.report import CostReport, CostRequest, PricedCorpus, report_cost
from encore.experiments.cost.storage import StorageRow, as_the_paper_rounds, document_bytes, storage_rows

__all__ = [
    "BUILT_IN",
    "ComputeCost",
    "CorpusSize",
    "CostLine",
    "CostReport",
    "CostRequest",
    "EncoderShape",
    "Methods",
    "MoneyComparison",
    "PricedCorpus",
    "Prices",
    "StorageRow",
    "as_the_paper_rounds",
    "check_figure",
    "classifier_flops",
    "compare_money",
    "document_bytes",
    "encoder_shape",
    "first_cheaper",
    "folded_attention_flops",
    "pair_attention_flops",
    "paper_attention_flops",
    "printed_flops",
    "report_cost",
    "round_up",
    "storage_rows",
    "write_figure",
]
