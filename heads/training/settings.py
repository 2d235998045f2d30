"""How a head is trained: the paper's appendix, with a learning rate for frozen features."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from encore.featurestore.common import settle_fields
from encore.featurestore.errors import UsageError
from encore.heads.model import LAYER_MIXES, check_kind, check_queries_of

EPOCHS = 8
"""Default passes over the training documents. Dev accuracy of SST-2, AG News, DBpedia and MRPC peaks at 3 to 8."""

LEAST_STEPS = 300
"""A small training set gets more passes, up to this many steps. With 100 to 500 labels, DBpedia's 14 classes gained
3 to 7 points over 120 steps, and tasks of few classes 0 to 1 (design note 49)."""


@dataclass(frozen=True)
class GridPoint:
    """One head of a grid.

    Attributes:
        pooling: one of `POOLINGS`.
        learning_rate: peak of the schedule.
        batch_size: documents a step.
        seed: seed of the initial weights and the dropout.
    """

    pooling: str
    learning_rate: float
    batch_size: int
    seed: int


@dataclass(frozen=True)
class TrainSettings:
    """Hyper-parameters of one training; the defaults are those of `encore train`.

    The paper's learning rate (1e-5) is for fine-tuning an encoder. Over frozen features 3e-4 was the best of 1e-4, 3e-4
    and 1e-3, or within noise of the best, for float16 and for sign.

    Attributes:
        poolings: ``attention``, ``pair``, ``cls`` or ``mean``; more than one make a grid. Empty takes what suits the
            stored positions. For tokens that is ``pair`` where every training document is a pair of texts and
            ``queries`` is 1, else ``attention``.
        attention_heads: number of heads of attention pooling; None takes d / 64.
        queries: learned queries of attention pooling; the paper's head has one.
        layer_mix: ``learned`` or ``uniform``; used only for ``stack:m`` features.
        epochs: passes over the training documents; None takes `EPOCHS`, or more where `EPOCHS` passes are fewer than
            `LEAST_STEPS` steps.
        learning_rates: peaks of the schedule; more than one make a grid.
        batch_sizes: documents a step; more than one make a grid.
        warmup: share of the steps over which the learning rate rises; then it falls to zero, both linearly.
        dropout: share of inputs set to zero before each linear map of the classifier.
        weight_decay, beta1, beta2, epsilon: of AdamW.
        seeds: seeds of the initial weights and the dropout; more than one make a grid.
        order_seed: seed of the order of documents, which all heads of a grid share; None takes the first of ``seeds``.
        standardise: whether heads learn from inputs that are standardised per dimension. A trained head takes features
            as they are stored either way.
        patience: a head stops after this many epochs in a row without improvement on dev; None runs all epochs.

    Raises:
        UsageError: a value out of range.
    """

    poolings: tuple[str, ...] = ()
    attention_heads: int | None = None
    queries: int = 1
    layer_mix: str = "learned"
    epochs: int | None = None
    learning_rates: tuple[float, ...] = (3e-4,)
    batch_sizes: tuple[int, ...] = (32,)
    warmup: float = 0.06
    dropout: float = 0.1
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.98
    epsilon: float = 1e-6
    seeds: tuple[int, ...] = (0,)
    order_seed: int | None = None
    standardise: bool = True
    patience: int | None = None

    def __post_init__(self) -> None:
        settle_fields(self)
        check_queries_of("attention", self.queries)
        for pooling in self.poolings:
            check_kind(pooling)
            check_queries_of(pooling, self.queries)
        if self.layer_mix not in LAYER_MIXES:
            raise UsageError(f"layer mix {self.layer_mix!r}: expected {' or '.join(LAYER_MIXES)}")
        if self.epochs is not None and self.epochs < 1:
            raise UsageError(f"epochs {self.epochs}: expected at least 1")
        if not self.learning_rates or not all(math.isfinite(rate) and rate > 0 for rate in self.learning_rates):
            raise UsageError(f"learning rate {_listed(self.learning_rates)}: expected numbers above 0")
        if not self.batch_sizes or not all(size >= 1 for size in self.batch_sizes):
            raise UsageError(f"batch size {_listed(self.batch_sizes)}: expected at least 1 document")
        if not 0 <= self.warmup < 1 or not 0 <= self.dropout < 1:
            raise UsageError(f"warm-up {self.warmup}, dropout {self.dropout}: expected shares from 0 to below 1")
        if self.patience is not None and self.patience < 1:
            raise UsageError(f"patience {self.patience}: expected at least 1 epoch")
        _check_seeds(self.seeds, self.order_seed)

    @property
    def order(self) -> int:
        """Seed of the order of documents."""
        return self.seeds[0] if self.order_seed is None else self.order_seed

    def grid(self, recommended: str) -> tuple[GridPoint, ...]:
        """Every point of the grid, each once. ``recommended`` is the pooling where `poolings` is empty."""
        points = product(self.poolings or (recommended,), self.learning_rates, self.batch_sizes, self.seeds)
        return tuple(dict.fromkeys(GridPoint(*point) for point in points))

    def epochs_for(self, documents: int, batch_size: int) -> int:
        """Number of passes over this many training documents."""
        if self.epochs is not None:
            return self.epochs
        steps = -(-documents // batch_size)
        return max(EPOCHS, -(-LEAST_STEPS // steps))

    def to_dict(self) -> dict[str, Any]:
        """JSON."""
        return asdict(self)


def _check_seeds(seeds: tuple[int, ...], order: int | None) -> None:
    if not seeds:
        raise UsageError("seed none: expected at least one")
    for seed in seeds if order is None else (*seeds, order):
        if not -(2**63) <= seed < 2**63:
            raise UsageError(f"seed {seed}: expected a number of 64 bits")


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(map(str, values)) or "none"
