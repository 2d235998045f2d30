"""The report of the cost model for one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from encore.experiments.cost import reference
from encore.experiments.cost.compute import Methods, classifier_flops
from encore.experiments.cost.encoder_shapes import EncoderShape, encoder_shape
from encore.experiments.cost.money import ASSUMED, CorpusSize, MoneyComparison, Prices, compare_money
from encore.experiments.cost.storage import StorageRow, as_the_paper_rounds, storage_rows
from encore.featurestore.errors import UsageError
from encore.featurestore.layers import LayerPooling
from encore.featurestore.spec import POSITIONS
from encore.heads.attention_sizes import check_queries


@dataclass(frozen=True)
class CostRequest:
    """The input of the cost model.

    Attributes:
        encoder: name of the encoder.
        distilled: name of the smaller encoder to compare with.
        tokens: tokens of a document.
        tasks: tasks for every document.
        queries: learned queries of a task's attention.
        documents: documents of the corpus to price; None for no prices.
        layers: layer pooling of the corpus's store; the store's default unless given.
        positions: its position pooling; ``tokens`` unless given.
        prices: fields of `Prices` that differ from the defaults.

    Raises:
        UsageError: a number is not valid, or there are prices without documents.
    """

    encoder: str = reference.ENCODER
    distilled: str = reference.DISTILLED
    tokens: int = reference.TOKENS
    tasks: int = reference.TASKS
    queries: int = 1
    documents: int | None = None
    layers: str | None = None
    positions: str | None = None
    prices: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        CorpusSize(1 if self.documents is None else self.documents, self.tokens, self.tasks)
        check_queries(self.queries)
        if self.documents is None and (self.prices or self.layers or self.positions):
            raise UsageError("prices, layers and positions are for a corpus; give --documents N as well")
        if self.positions is not None and self.positions not in POSITIONS:
            raise UsageError(f"positions {self.positions!r}: expected one of {', '.join(POSITIONS)}")


@dataclass(frozen=True)
class PricedCorpus:
    """A corpus, how it is stored, and what that costs.

    Attributes:
        corpus: documents, tokens, tasks.
        layers: layer pooling.
        positions: position pooling.
        prices: prices of bytes and device time.
        comparison: encode once against encode per task.
    """

    corpus: CorpusSize
    layers: LayerPooling
    positions: str
    prices: Prices
    comparison: MoneyComparison


@dataclass(frozen=True)
class CostReport:
    """The result of the cost model.

    Attributes:
        request: the request.
        shape: the encoder.
        distilled: the smaller encoder.
        storage: table 2.
        methods: table 3 and figure 4.
        classifier: FLOPs of one task's classifier, which the methods leave out.
        money: prices for a corpus; None where none was asked for.
    """

    request: CostRequest
    shape: EncoderShape
    distilled: EncoderShape
    storage: tuple[StorageRow, ...]
    methods: Methods
    classifier: int
    money: PricedCorpus | None

    @property
    def is_the_papers(self) -> bool:
        """Whether the paper prints figures for this encoder, text length and number of tasks."""
        asked = (self.request.encoder, self.request.distilled, self.request.tokens, self.request.tasks)
        return asked == (reference.ENCODER, reference.DISTILLED, reference.TOKENS, reference.TASKS)

    @property
    def assumed(self) -> dict[str, str]:
        """Field of `Prices` → its assumed value and source, for all fields that were not given."""
        return {name: words for name, words in ASSUMED.items() if name not in self.request.prices}

    def to_dict(self) -> dict[str, Any]:
        """JSON: bytes and FLOPs exactly, break-evens unrounded, null for never."""
        methods, tasks = self.methods, self.request.tasks
        return {
            "encoder": asdict(self.shape),
            "distilled": asdict(self.distilled),
            "tokens": self.request.tokens,
            "tasks": tasks,
            "queries": self.request.queries,
            "storage": [
                asdict(row)
                | {"as_the_paper_rounds": {k: as_the_paper_rounds(b) for k, b in row.document_bytes.items()}}
                for row in self.storage
            ],
            "flops": {line.key: asdict(line) | {"total": line.at(tasks)} for line in methods.lines},
            "classifier_flops": self.classifier,
            "break_even_tasks": {
                line.key: {other.key: line.break_even(other) for other in (methods.fine_tuned, methods.distilled)}
                for line in methods.frozen
            },
            "paper": [asdict(row) for row in reference.TABLE_3] if self.is_the_papers else None,
            "money": None
            if self.money is None
            else asdict(self.money) | {"layers": str(self.money.layers), "assumed": self.assumed},
        }


def report_cost(request: CostRequest) -> CostReport:
    """Count bytes, FLOPs and money.

    Raises:
        UsageError: unknown encoder, or layers that it does not have.
    """
    shape, distilled = encoder_shape(request.encoder), encoder_shape(request.distilled)
    methods = Methods.of(shape, distilled, request.tokens, request.queries)
    return CostReport(
        request,
        shape,
        distilled,
        storage_rows(shape, request.tokens),
        methods,
        classifier_flops(shape.hidden_size, request.queries),
        _price(request, shape, methods),
    )


def _price(request: CostRequest, shape: EncoderShape, methods: Methods) -> PricedCorpus | None:
    if request.documents is None:
        return None
    corpus, prices = CorpusSize(request.documents, request.tokens, request.tasks), Prices(**request.prices)
    layers = LayerPooling.parse(request.layers) if request.layers else LayerPooling.default(shape.num_layers)
    layers.check(shape.num_layers)
    positions = request.positions or "tokens"
    comparison = compare_money(shape, methods, corpus, prices, layers, positions, request.queries)
    return PricedCorpus(corpus, layers, positions, prices, comparison)
