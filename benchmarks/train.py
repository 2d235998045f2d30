"""Heads that train together beside heads that train by themselves, and one head beside a plain loop of torch.

The features are random sign bits at minilm's width, in documents as long as news; a few tokens of each, with noise, say
its class. Grid and single heads read the same documents in the same order. The plain loops are what one would write
with torch alone, over batches that are made and decoded as here: the same head by autograd and AdamW, and one with
`torch.nn.MultiheadAttention`.

    python -m benchmarks.train [--documents 3200] [--heads 16] [--epochs 2]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import torch
from torch import nn
from torch.nn import functional

from benchmarks.measure import Measurement, Ratio, measure
from benchmarks.report import Report, arguments
from encore.featurestore import EncoderSpec, FeatureBlock, FeatureSpec, TextSpec
from encore.featurestore.common import Int64s
from encore.heads import HeadModel, TrainedHead, TrainSettings, train_head
from encore.heads.batches import Batch, training_batches
from encore.heads.training import Examples

PLAIN = "plain loop, one head"
MULTIHEAD = "MultiheadAttention, one head"

CLASSES = ("one", "other")
MEAN_TOKENS = 44
TOLD = 3
"""Tokens of a document that say its class; `NOISE` of their bits are random."""
NOISE = 0.8


def main() -> None:
    """Run the benchmark and print its report."""
    parser = arguments(__doc__)
    parser.add_argument("--documents", type=int, default=3200)
    parser.add_argument("--heads", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    report = Report.begin("train", options)
    data = Data.of(options.documents)
    settings = TrainSettings(
        epochs=options.epochs, batch_sizes=(options.batch_size,), order_seed=0, seeds=tuple(range(options.heads))
    )
    alone = [replace(settings, seeds=(seed,)) for seed in settings.seeds]
    trained: dict[str, list[TrainedHead]] = {}
    processor: dict[str, list[float]] = {}

    def keep(name: str, train: Callable[[], list[TrainedHead]]) -> Callable[[], None]:
        def run() -> None:
            started = time.process_time()
            trained[name] = train()
            processor.setdefault(name, []).append(time.process_time() - started)

        return run

    one, together = "one head", f"{options.heads} together"
    apart, spread = f"{options.heads} one after another", f"{options.heads} by themselves, one on each core at a time"
    taken = measure(
        {
            one: keep(one, lambda: [data.train(alone[0])]),
            PLAIN: lambda: data.train_plainly(settings, folded_head(data.spec)),
            MULTIHEAD: lambda: data.train_plainly(settings, MultiheadModel(data.spec.width)),
            apart: keep(apart, lambda: [data.train(own) for own in alone]),
            spread: keep(spread, lambda: on_each_core(data.train, alone)),
            together: keep(together, lambda: [data.train(settings)]),
        },
        options.repeats,
    )
    heads = dict.fromkeys((one, PLAIN, MULTIHEAD), 1) | dict.fromkeys((apart, spread, together), options.heads)

    def a_head(name: str, of: str) -> Ratio:
        """Time a head takes by one way as a multiple of what it takes by another."""
        return taken.ratio(name, of).times(heads[of] / heads[name])

    rows = [
        [
            name,
            taken.cell(name),
            f"{taken.per_second(name, options.documents * options.epochs * count):,.0f}",
            str(a_head(name, one)),
            str(a_head(name, together)),
        ]
        for name, count in heads.items()
    ]
    report.end(
        ["what", "time", "documents × heads × epochs a second", "a head's time / one head's", "/ a head's of the grid"],
        rows,
        {
            "seconds": taken,
            "a head's time over one of the grid": {name: a_head(name, together) for name in heads},
            "a head's time over one head's": {name: a_head(name, one) for name in heads},
            "processor seconds": Measurement({name: tuple(spent[1:]) for name, spent in processor.items()}),
            "threads": torch.get_num_threads(),
            "dev accuracy": {name: best_accuracies(trained[name]) for name in (apart, together)},
        },
    )


def on_each_core(train: Callable[[TrainSettings], TrainedHead], alone: list[TrainSettings]) -> list[TrainedHead]:
    """Heads that know nothing of each other, as many at a time as torch has threads."""
    cores = torch.get_num_threads()
    with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        trained = list(pool.map(train, alone))
    # The trainings, side by side, have set what is one number for the whole process.
    torch.set_num_threads(cores)
    return trained


@dataclass(frozen=True)
class Data:
    """Documents to train on, and a tenth as many to measure on."""

    train_block: FeatureBlock
    train_codes: Int64s
    dev_block: FeatureBlock
    dev_codes: Int64s
    spec: FeatureSpec

    @classmethod
    def of(cls, documents: int) -> Data:
        """Random documents."""
        encoder = EncoderSpec(weights="0" * 64, tokenizer="0" * 64, hidden_size=384, num_layers=6, name="random")
        spec = FeatureSpec.build(encoder, TextSpec(256), "mean:6", "tokens", "sign")
        random = np.random.default_rng(0)
        marks = random.integers(0, 256, (len(CLASSES), *spec.packed_shape), np.uint8)
        train, dev = (told_block(count, marks, spec, random) for count in (documents, documents // 10))
        return cls(*train, *dev, spec)

    def train(self, settings: TrainSettings) -> TrainedHead:
        """As `encore train` does it."""
        return train_head(
            self.train_block,
            self.train_codes,
            self.spec,
            CLASSES,
            dev=self.dev_block,
            dev_codes=self.dev_codes,
            settings=settings,
        )

    def train_plainly(self, settings: TrainSettings, model: nn.Module) -> None:
        """As one would with torch alone, on one thread, which is fastest for it too."""
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            train, dev = (
                Examples(block, codes, self.spec, len(CLASSES))
                for block, codes in ((self.train_block, self.train_codes), (self.dev_block, self.dev_codes))
            )
            optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rates[0], fused=True)
            targets = torch.from_numpy(self.train_codes)
            order = torch.Generator().manual_seed(0)
            for _ in range(settings.epochs or 1):
                model.train()
                for documents in training_batches(self.train_block.lengths, settings.batch_sizes[0], order):
                    loss = functional.cross_entropy(train.logits(model, documents), targets[documents])  # type: ignore[arg-type]
                    optimizer.zero_grad()
                    torch.autograd.backward(loss)
                    optimizer.step()
                dev.predict(model)  # type: ignore[arg-type]
        finally:
            torch.set_num_threads(before)


class MultiheadModel(nn.Module):
    """The paper's head as torch's own modules make it: every token projected to a key and a value."""

    of_pairs = False

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(width) * 0.02)
        self.attention = nn.MultiheadAttention(width, width // 64, batch_first=True)
        self.classifier = nn.Sequential(
            nn.Dropout(0.1), nn.Linear(width, width), nn.Tanh(), nn.Dropout(0.1), nn.Linear(width, len(CLASSES))
        )

    def forward(self, batch: Batch) -> torch.Tensor:
        """(documents, classes) logits of a batch."""
        query = self.query.expand(len(batch), 1, -1)
        pooled, _weights = self.attention(
            query, batch.values, batch.values, key_padding_mask=batch.padding, need_weights=False
        )
        return self.classifier(pooled[:, 0])  # type: ignore[no-any-return]


def folded_head(spec: FeatureSpec) -> HeadModel:
    """A fresh head with attention."""
    generator = torch.Generator().manual_seed(0)
    return HeadModel.build(spec, len(CLASSES), "attention", dropout=0.1, generator=generator)


def told_block(
    documents: int, marks: np.ndarray, spec: FeatureSpec, random: np.random.Generator
) -> tuple[FeatureBlock, Int64s]:
    """Random documents, `TOLD` tokens of each near the mark of its class."""
    lengths = random.poisson(MEAN_TOKENS, documents).clip(3, spec.text.max_length)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    packed = random.integers(0, 256, (offsets[-1], *spec.packed_shape), np.uint8)
    codes = random.integers(0, len(CLASSES), documents)
    rows = (offsets[:-1, None] + random.integers(0, lengths[:, None], (documents, TOLD))).ravel()
    noisy = np.packbits(random.random((len(rows), spec.width)) < NOISE, axis=1)
    packed[rows] = (packed[rows] & noisy) | (marks[np.repeat(codes, TOLD)] & ~noisy)
    ids = [f"d{number}" for number in range(documents)]
    index = pa.table({"doc_id": ids, "n_first_tokens": pa.array(lengths, pa.int32())})
    return FeatureBlock(index, packed, offsets), codes


def best_accuracies(heads: list[TrainedHead]) -> list[float]:
    """Dev accuracy of the best epoch of every head."""
    best: dict[int, float] = {}
    for head in heads:
        for epoch in head.history:
            best[epoch.seed] = max(best.get(epoch.seed, 0.0), epoch.dev_accuracy or 0.0)
    return [best[seed] for seed in sorted(best)]


if __name__ == "__main__":
    main()
