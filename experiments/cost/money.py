"""What a corpus costs to encode once, keep and score, beside an encoder run for each task."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from encore.experiments.cost.compute import Methods, classifier_flops
from encore.experiments.cost.encoder_shapes import EncoderShape
from encore.experiments.cost.storage import document_bytes
from encore.featurestore.errors import UsageError
from encore.featurestore.layers import LayerPooling

BYTES_A_GB = 10**9
TERA = 10**12
SECONDS_AN_HOUR = 3600


ASSUMED: Mapping[str, str] = MappingProxyType(
    {
        "device_hour": "2.74 USD: AWS p4d.24xlarge / 8, on demand, us-east-1, Nov 2026",
        "device_tflops": "312: an A100 in bfloat16, dense, as NVIDIA says; 19.5 in float32",
        "utilization": "0.3: an assumption, high for a small encoder: measure yours",
        "gb_month": "0.0214 USD: S3 Standard, us-east-1, 0.023 a GB of 2³⁰, first 50 TB",
        "months": "12: an assumption",
    }
)
"""Field of `Prices` → what its default is, and where it comes from."""


@dataclass(frozen=True)
class Prices:
    """Prices and speeds; the defaults are US dollars (`ASSUMED`), one's own may be any currency.

    Attributes:
        gb_month: price of keeping 10⁹ bytes for a month.
        device_hour: price of a device for an hour.
        device_tflops: the device's peak, 10¹² FLOPs a second, multiply and add counted apart.
        utilization: share of the peak that is reached, above 0 and at most 1.
        months: how long features are kept.

    Raises:
        UsageError: a price or a time below 0, a device that computes nothing, or a number that is none.
    """

    gb_month: float = 0.0214
    device_hour: float = 2.74
    device_tflops: float = 312.0
    utilization: float = 0.3
    months: float = 12.0

    def __post_init__(self) -> None:
        for name, value in (
            ("price per GB and month", self.gb_month),
            ("price per device-hour", self.device_hour),
            ("months", self.months),
        ):
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{name} {value:g}: expected 0 or more")
        if not (math.isfinite(self.device_tflops) and self.device_tflops > 0):
            raise UsageError(f"device TFLOP/s {self.device_tflops:g}: expected more than 0")
        if not 0 < self.utilization <= 1:
            raise UsageError(f"utilization {self.utilization:g}: expected a share above 0, at most 1, such as 0.3")

    def hours(self, flops: float) -> float:
        """Device-hours of this many FLOPs."""
        return flops / (self.device_tflops * TERA * self.utilization) / SECONDS_AN_HOUR

    def compute(self, flops: float) -> float:
        """Price of this many FLOPs."""
        return self.hours(flops) * self.device_hour

    def storage(self, count: float) -> float:
        """Price of keeping this many bytes for `months`."""
        return count / BYTES_A_GB * self.gb_month * self.months


@dataclass(frozen=True)
class Corpus:
    """What is encoded and asked.

    Attributes:
        documents: how many.
        tokens: of a document, special tokens included.
        tasks: asked of every document.

    Raises:
        UsageError: any of them is below 1.
    """

    documents: int
    tokens: int
    tasks: int

    def __post_init__(self) -> None:
        for name, value in (("documents", self.documents), ("tokens", self.tokens), ("tasks", self.tasks)):
            if value < 1:
                raise UsageError(f"{name} {value}: expected 1 or more")


@dataclass(frozen=True)
class Work:
    """FLOPs over the whole corpus, as device time and money.

    Attributes:
        flops: multiply and add counted apart.
        hours: device-hours.
        cost: their price.
    """

    flops: int
    hours: float
    cost: float


@dataclass(frozen=True)
class StoredOnce:
    """Encode once, keep the features of one quantizer, score every task from them.

    Attributes:
        document_bytes: of one document.
        corpus_bytes: of all.
        storage_cost: for all months.
        total_cost: encoding, storage and heads.
        break_even: tasks from which on it is cheaper than fine-tuning the encoder for each, not a whole number; None
            where it never is.
        break_even_distilled: the same beside the distilled encoder.
        keeping_per_encoding: storage as a multiple of encoding once; None where encoding costs nothing.
        size_that_pays: layers × width from which on keeping pays, for the corpus's tasks and an encoder of this one's
            proportions, heads left aside; None for one task, for which nothing is worth keeping.
    """

    document_bytes: int
    corpus_bytes: int
    storage_cost: float
    total_cost: float
    break_even: float | None
    break_even_distilled: float | None
    keeping_per_encoding: float | None
    size_that_pays: float | None


@dataclass(frozen=True)
class MoneyComparison:
    """Encode once against encode per task.

    Attributes:
        encode_once: one pass of the encoder over the corpus.
        heads: every task's head over the corpus, from stored features.
        fine_tuned: a pass of the encoder for each task.
        distilled: a pass of the distilled encoder for each task.
        stored: kind of quantizer → what encode once costs with it.
    """

    encode_once: Work
    heads: Work
    fine_tuned: Work
    distilled: Work
    stored: Mapping[str, StoredOnce]


def compare_money(
    shape: EncoderShape,
    methods: Methods,
    corpus: Corpus,
    prices: Prices,
    layers: LayerPooling,
    positions: str,
    queries: int = 1,
) -> MoneyComparison:
    """Price both ways for a corpus.

    Heads are priced on the same device: folded attention where every token is stored, and the hidden map of the
    classifier. Reading, decoding and tokenizing are not counted, nor is training.

    Args:
        shape: the encoder.
        methods: of `shape`, at ``corpus.tokens``.
        corpus: documents, tokens, tasks.
        prices: of bytes and device time.
        layers: what is stored of the layers.
        positions: ``tokens``, ``cls`` or ``mean``.
        queries: learned queries of a task's attention.
    """
    attention = methods.folded.slope if positions == "tokens" else 0
    of_head = attention + classifier_flops(shape.hidden_size, queries if positions == "tokens" else 1)

    def work(flops_a_document: int) -> Work:
        flops = corpus.documents * flops_a_document
        return Work(flops, prices.hours(flops), prices.compute(flops))

    once, heads = work(methods.pooled.intercept), work(corpus.tasks * of_head)
    per_task, distilled = work(methods.fine_tuned.slope), work(methods.distilled.slope)
    stored = {}
    for kind, document in document_bytes(shape, corpus.tokens, layers, positions).items():
        kept = prices.storage(document * corpus.documents)
        spent_once, each_task = once.cost + kept, heads.cost / corpus.tasks
        times = kept / once.cost if once.cost else None
        # Bytes grow with the width, FLOPs with layers × width²: their ratio falls as layers × width grows.
        pays = None if times is None or corpus.tasks == 1 else times / (corpus.tasks - 1) * shape.size
        stored[kind] = StoredOnce(
            document_bytes=document,
            corpus_bytes=document * corpus.documents,
            storage_cost=kept,
            total_cost=spent_once + heads.cost,
            break_even=_tasks_to_earn(spent_once, per_task.cost - each_task),
            break_even_distilled=_tasks_to_earn(spent_once, distilled.cost - each_task),
            keeping_per_encoding=times,
            size_that_pays=pays,
        )
    return MoneyComparison(
        once, heads, work(corpus.tasks * methods.fine_tuned.slope), work(corpus.tasks * methods.distilled.slope), stored
    )


def _tasks_to_earn(spent_once: float, saved_a_task: float) -> float | None:
    """Tasks after which what is spent once is earned back; None where a task saves nothing."""
    return spent_once / saved_a_task if saved_a_task > 0 else None
