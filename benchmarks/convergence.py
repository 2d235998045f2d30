"""Whether heads converge at their default settings: beside a grid of learning rates, and beside logistic regression.

Every task is encoded once (tokens, mean of all layers, float16), and every other store derived from that. For each
number of labels, pooling, quantizer and seed a head is trained at each learning rate, the default one among them; the
labels of a seed are a random part of the task's. Logistic regression (scikit-learn, as it comes) reads the same
features, those of tokens averaged: as they are, and standardised.

With --as-stored, heads learn from features as they are, at the default rate alone.

The best of a grid flatters where it is chosen by the documents it is measured on. So a rate is also chosen by one half
of the dev documents and measured on the other, both ways ("chosen fairly").

    python -m benchmarks.convergence --data DIR --out DIR [--only agnews,sst2] [--seeds 2] [--publish]

Finished cells stay in OUT/cells and are not measured again; several processes may share OUT, each with its own --only.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.report import RESULTS
from encore.experiments.bench import CellStore, TaskData, half_width, load_tasks, read_task, sampling_half_width
from encore.featurestore import Catalogue, FeatureBlock
from encore.featurestore.common import Int64s
from encore.heads import Labels, TrainSettings
from encore.heads.model import default_pooling
from encore.heads.training import Examples, train_grid
from encore.pipelines.corpus import CorpusColumns
from encore.pipelines.encoding import EncodeRequest, encode
from encore.pipelines.ingestion import DeriveRequest, derive
from encore.pipelines.progress import SilentDisplay

LABELS = (100, 500, 2000)
POSITIONS = ("tokens", "mean", "cls")
QUANTIZERS = ("float16", "uint8", "int2", "sign")
RATES = {
    "tokens": (1e-4, 3e-4, 1e-3),
    "mean": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
    "cls": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
}
"""On both sides of the default. In the first 21 cells of attention higher rates lost, and it takes the most time."""
MAX_LENGTH = 128


def main() -> None:
    """Measure what is missing, and print or publish the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of the paper's tasks")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="names of tasks")
    parser.add_argument("--labels", default=",".join(map(str, LABELS)))
    parser.add_argument("--positions", default=",".join(POSITIONS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--dev-rows", type=int, default=500)
    parser.add_argument("--train-rows", type=int, default=max(LABELS))
    parser.add_argument("--name", default="convergence", help="of the cells, and of what is published")
    parser.add_argument("--as-stored", action="store_true", help="heads learn from features that are not standardised")
    parser.add_argument("--publish", action="store_true", help="write docs/results/NAME.parquet")
    options = parser.parse_args()
    finished = CellStore(
        options.out / "cells" / options.name,
        {"dev_rows": options.dev_rows, "max_length": MAX_LENGTH, "as_stored": options.as_stored},
    )
    registry = load_tasks("paper", options.data)
    for task in registry.only([name for name in options.only.split(",") if name]).tasks:
        data = read_task(task, options.train_rows, options.dev_rows)
        stores = TaskStores(options.out / "stores" / task.name, data)
        for count in map(int, options.labels.split(",")):
            for key in keys_of(task.name, count, options.positions.split(","), options.seeds):
                if finished.get(key) is None:
                    finished.put(key, measure(stores, data, key, standardise=not options.as_stored))
                    print(key, flush=True)
    table = pa.Table.from_pylist(finished.rows())
    if options.publish:
        pq.write_table(table, RESULTS / f"{options.name}.parquet")
    cells = table.to_pylist()
    for line in (*lines_of(cells), "", *gaps_of(cells), "", *bits_of(cells)):
        print(line)


def keys_of(task: str, count: int, stored: Sequence[str], seeds: int) -> Iterator[dict[str, Any]]:
    """What is measured for one number of labels."""
    for positions in stored:
        for quantizer in QUANTIZERS:
            for seed in range(seeds):
                yield {"task": task, "labels": count, "positions": positions, "quantizer": quantizer, "seed": seed}


@dataclass(frozen=True)
class TaskStores:
    """The stores of one task, each made when it is first asked for."""

    folder: Path
    data: TaskData

    def open(self, positions: str, quantizer: str) -> Catalogue:
        """Features of every document of the task."""
        rich, wanted = self.folder / "tokens-float16", self.folder / f"{positions}-{quantizer}"
        done = wanted.with_suffix(".done")
        if not done.exists():
            shutil.rmtree(wanted, ignore_errors=True)
            if wanted == rich:
                self._encode(rich)
            else:
                self.open("tokens", "float16")
                request = DeriveRequest(str(rich), str(wanted), None, positions, quantizer, codec="none")
                require(derive(request, display=SilentDisplay()).exit_code)
            done.touch()
        return Catalogue.open(str(wanted))

    def _encode(self, target: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        corpus = self.folder / "corpus.parquet"
        documents = pa.concat_tables([self.data.train.table, self.data.dev.table])
        pq.write_table(documents.drop_columns(["label"]), corpus)
        request = EncodeRequest(
            (str(corpus),),
            str(target),
            encoder="minilm",
            layers="mean:6",
            positions="tokens",
            quantizer="float16",
            max_length=MAX_LENGTH,
            dtype="bfloat16",
            columns=CorpusColumns(pair=None if self.data.task.pair_column is None else "text_pair"),
            codec="none",
        )
        require(encode(request, display=SilentDisplay()).exit_code)


def require(exit_code: int) -> None:
    """Stop where a job did not finish."""
    if exit_code:
        raise SystemExit("a job did not finish")


def measure(stores: TaskStores, data: TaskData, key: Mapping[str, Any], *, standardise: bool) -> dict[str, Any]:
    """The heads of one cell."""
    store = stores.open(key["positions"], key["quantizer"])
    seed = key["seed"]
    dev = data.dev.labels.filter(store.contains(data.dev.labels.doc_ids))
    train = drawn(data.train.labels.filter(store.contains(data.train.labels.doc_ids)), key["labels"], seed)
    # A class that none of a few labels has cannot be learned by anybody.
    dev = dev.filter(np.isin(np.array(dev.labels.to_pylist()), train.classes))
    blocks = [store.gather(part.doc_ids) for part in (train, dev)]
    codes = [part.codes(train.classes) for part in (train, dev)]
    examples, held_out = (
        Examples(block, own, store.spec, len(train.classes)) for block, own in zip(blocks, codes, strict=True)
    )
    default = TrainSettings().learning_rates[0]
    rates = tuple(sorted({*RATES[key["positions"]], default})) if standardise else (default,)
    settings = TrainSettings(learning_rates=rates, seeds=(seed,), standardise=standardise)
    pairs = bool(examples.texts_known and examples.paired.all() and held_out.paired.all())
    runs = train_grid(examples, held_out, settings.grid(default_pooling(key["positions"], pairs=pairs)), settings, None)
    rights = [run.predicted == held_out.codes for run in runs]
    scores = [logistic(store, blocks, codes, standardise=standardise) for standardise in (False, True)]
    return {
        "pooling": runs[0].point.pooling,
        "default": default,
        "documents": len(train),
        "dev": [len(codes[1][half::2]) for half in (0, 1)],
        "rates": [run.point.learning_rate for run in runs],
        "right": [[int(right[half::2].sum()) for half in (0, 1)] for right in rights],
        "best_epochs": [run.best_epoch.number / run.best_epoch.epochs for run in runs],
        "logistic": scores,
    }


def drawn(labels: Labels, count: int, seed: int) -> Labels:
    """So many random labels."""
    chosen = np.zeros(len(labels), np.bool_)
    chosen[np.random.default_rng(seed).permutation(len(labels))[:count]] = True
    return labels.filter(chosen)


def logistic(store: Catalogue, blocks: Sequence[FeatureBlock], codes: Sequence[Int64s], *, standardise: bool) -> float:
    """Accuracy of scikit-learn's logistic regression on one vector a document."""
    train, dev = (pooled(store, block) for block in blocks)
    plain = LogisticRegression(max_iter=2000)
    model = make_pipeline(StandardScaler(), plain) if standardise else plain
    return float(model.fit(train, codes[0]).score(dev, codes[1]))


def pooled(store: Catalogue, block: FeatureBlock) -> npt.NDArray[np.float32]:
    """(documents, d) means of the documents' vectors."""
    values = store.spec.quantizer.dequantize(torch.from_numpy(block.packed), store.spec.width).numpy()
    means: npt.NDArray[np.float32] = np.add.reduceat(values, block.offsets[:-1], axis=0) / block.lengths[:, None]
    return means


def lines_of(cells: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The table: a row for each pooling, quantizer and number of labels, averaged over tasks."""
    yield "| stored | quantizer | labels | tasks | default | one rate | by task | fairly | logistic | standardised |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for positions in POSITIONS:
        for quantizer in QUANTIZERS:
            for count in sorted({cell["labels"] for cell in cells}):
                own = [
                    cell
                    for cell in cells
                    if (cell["positions"], cell["quantizer"], cell["labels"]) == (positions, quantizer, count)
                ]
                if own:
                    tasks, figures = summary(own)
                    shown = " | ".join(f"{100 * figure:.2f}" for figure in figures)
                    yield f"| {positions} | {quantizer} | {count:,} | {tasks} | {shown} |"


def gaps_of(cells: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the default is above each other column, over the lines of the table: mean, least, greatest, in points."""
    groups: dict[tuple[str, str, int], list[Mapping[str, Any]]] = {}
    for cell in cells:
        groups.setdefault((cell["positions"], cell["quantizer"], cell["labels"]), []).append(cell)
    lines = 100 * np.array([summary(own)[1] for own in groups.values()])
    others = (*lines[:, 1:4].T, lines[:, 4:].max(axis=1))
    yield "| default against | mean | least | greatest |"
    yield "| --- | ---: | ---: | ---: |"
    for name, other in zip(("one rate", "by task", "fairly", "the better logistic"), others, strict=True):
        gaps = lines[:, 0] - other
        yield f"| {name} | {gaps.mean():+.2f} | {gaps.min():+.2f} | {gaps.max():+.2f} |"


def bits_of(cells: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What float16 is above sign, by what is stored and number of labels; and the tasks where it is below.

    Below means by more than half the 95 % interval of the task's accuracy for its dev documents being a sample.
    """
    yield "| stored | labels | float16 - sign, points | ± tasks | lowest task | below sign |"
    yield "| --- | ---: | ---: | ---: | --- | --- |"
    for positions, count in sorted({(cell["positions"], cell["labels"]) for cell in cells}):
        own = [cell for cell in cells if (cell["positions"], cell["labels"]) == (positions, count)]
        rich, poor = (defaults([cell for cell in own if cell["quantizer"] == kind]) for kind in ("float16", "sign"))
        gains = {task: rich[task][0] - poor[task][0] for task in sorted(rich.keys() & poor.keys())}
        if not gains:
            continue
        half = half_width(np.array(list(gains.values())))
        lowest = min(gains, key=lambda task: gains[task])
        below = [
            task
            for task, gain in gains.items()
            if -gain > sampling_half_width(np.array([rich[task][0]]), np.array([rich[task][1]]))
        ]
        spread = "–" if half is None else f"{100 * half:.2f}"
        yield (
            f"| {positions} | {count:,} | {100 * np.mean(list(gains.values())):+.2f} | {spread} "
            f"| {lowest} {100 * gains[lowest]:+.1f} | {', '.join(below) or '–'} |"
        )


def defaults(cells: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, int]]:
    """By task: accuracy at the default rate, mean over seeds, and dev documents."""
    found: dict[str, list[tuple[float, int]]] = {}
    for cell in cells:
        right = cell["right"][cell["rates"].index(cell["default"])]
        found.setdefault(cell["task"], []).append((sum(right) / sum(cell["dev"]), sum(cell["dev"])))
    return {task: (float(np.mean([share for share, _ in own])), own[0][1]) for task, own in found.items()}


def summary(cells: Sequence[Mapping[str, Any]]) -> tuple[int, list[float]]:
    """Number of tasks, and over them the mean accuracies of a line of the table."""
    tasks = sorted({cell["task"] for cell in cells})
    rates = cells[0]["rates"]
    halves = np.empty((len(tasks), len(rates), 2))
    logistics = np.empty((len(tasks), 2))
    for place, task in enumerate(tasks):
        own = [cell for cell in cells if cell["task"] == task]
        halves[place] = np.mean([np.array(cell["right"]) / np.array(cell["dev"]) for cell in own], axis=0)
        logistics[place] = np.mean([cell["logistic"] for cell in own], axis=0)
    whole = halves.mean(axis=2)
    fair = np.mean(
        [[task[task[:, 1 - half].argmax(), half] for half in (0, 1)] for task in halves],
    )
    default = whole[:, rates.index(cells[0]["default"])].mean()
    best_rate, best_by_task = whole.mean(axis=0).max(), whole.max(axis=1).mean()
    return len(tasks), [float(f) for f in (default, best_rate, best_by_task, fair, *logistics.mean(axis=0))]


if __name__ == "__main__":
    main()
