"""The price of encoding a corpus once, keeping and scoring it, compared with running an encoder for each task."""

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
    """Prices and speeds. The defaults are US dollars (`ASSUMED`); other prices may be in any currency.

    Attributes:
        gb_month: price of keeping 10⁹ bytes for a month.
        device_hour: price of a device for an hour.
        device_tflops: the device's peak, 10¹² FLOPs a second; a multiply-add counts as two.
        utilization: share of the peak that is reached, above 0 and at most 1.
        months: how long features are kept.

    Raises:
        UsageError: a price or a time is below 0, a number is not finite, or the device computes nothing.
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
class CorpusSize:
    """The size of a corpus, and the number of tasks.

    Attributes:
        documents: number of documents.
        tokens: tokens of a document, special tokens included.
        tasks: tasks for every document.

    Raises:
        UsageError: one of these numbers is below 1.
    """

    documents: int
    tokens: int
    tasks: int

    def __post_init__(self) -> None:
        for name, value in (("documents", self.documents), ("tokens", self.tokens), ("tasks", self.tasks)):
            if value < 1:
                raise UsageError(f"{name} {value}: expected 1 or more")


@dataclass(frozen=True)
class ComputeCost:
    """FLOPs over the whole corpus, as device time and money.

    Attributes:
        flops: FLOPs; a multiply-add counts as two.
        hours: device-hours.
        cost: price of the device-hours.
    """

    flops: int
    hours: float
    cost: float


@dataclass(frozen=True)
class EncodeOnceCost:
    """Encode once, keep the features of one quantizer, score every task from them.

    Attributes:
        document_bytes: bytes of one document.
        corpus_bytes: bytes of all documents.
        storage_cost: price of keeping them for all months.
        total_cost: price of encoding, storage and heads.
        break_even: number of tasks, as a fraction, from which on this is cheaper than an encoder fine-tuned for each
            task; None where it never is.
        break_even_distilled: the same, compared with the distilled encoder.
        keeping_per_encoding: price of storage as a multiple of the price of encoding once; None where encoding is free.
        size_that_pays: layers × width from which on storing is cheaper than encoding again for each task, for an
            encoder with the same proportions, without the cost of heads; None for one task, where storing never pays.
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

    encode_once: ComputeCost
    heads: ComputeCost
    fine_tuned: ComputeCost
    distilled: ComputeCost
    stored: Mapping[str, EncodeOnceCost]

    @property
    def cheapest(self) -> str:
        """Kind of quantizer whose features cost least to keep; of several, the first by name."""
        return min(self.stored, key=lambda kind: (self.stored[kind].storage_cost, kind))


def compare_money(
    shape: EncoderShape,
    methods: Methods,
    corpus: CorpusSize,
    prices: Prices,
    layers: LayerPooling,
    positions: str,
    queries: int = 1,
) -> MoneyComparison:
    """Price both ways for a corpus.

    Heads run on the same device. They cost folded attention, where every token is stored, and the hidden map of the
    classifier. Reading, decoding, tokenizing and training are not counted.

    Args:
        shape: the encoder.
        methods: the methods for `shape`, at ``corpus.tokens``.
        corpus: documents, tokens, tasks.
        prices: prices of bytes and device time.
        layers: layer pooling of the stored features.
        positions: ``tokens``, ``cls`` or ``mean``.
        queries: learned queries of a task's attention.
    """
    attention = methods.folded.slope if positions == "tokens" else 0
    of_head = attention + classifier_flops(shape.hidden_size, queries if positions == "tokens" else 1)

    def work(flops_a_document: int) -> ComputeCost:
        flops = corpus.documents * flops_a_document
        return ComputeCost(flops, prices.hours(flops), prices.compute(flops))

    once, heads = work(methods.pooled.intercept), work(corpus.tasks * of_head)
    per_task, distilled = work(methods.fine_tuned.slope), work(methods.distilled.slope)
    stored = {}
    for kind, document in document_bytes(shape, corpus.tokens, layers, positions).items():
        kept = prices.storage(document * corpus.documents)
        spent_once, each_task = once.cost + kept, heads.cost / corpus.tasks
        times = kept / once.cost if once.cost else None
        # Bytes grow with the width, FLOPs with layers × width²: their ratio falls as layers × width grows.
        pays = None if times is None or corpus.tasks == 1 else times / (corpus.tasks - 1) * shape.size
        stored[kind] = EncodeOnceCost(
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
    """Number of tasks that earn back a cost spent once; None where a task saves nothing."""
    return spent_once / saved_a_task if saved_a_task > 0 else None
