"""The input of a trade-off report."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from pathlib import Path

from encore.experiments.tradeoff.measurement import LabelFiles
from encore.featurestore import UsageError
from encore.featurestore.common import settle_fields
from encore.tablefiles import PLAIN_TEXT, TextOptions

SEEDS = 3


@dataclass(frozen=True)
class TradeoffRequest:
    """The input of `run_tradeoff`.

    Attributes:
        store: URI of a rich store.
        labels: tasks and their label files.
        out: folder of the results.
        layers, positions, quantizers: axes of the grid; what the store allows, where they are empty.
        queries: learned queries of attention pooling.
        seeds: heads that are trained for each task and setting, with seeds 0, 1, ….
        epochs: passes over the training documents; None takes what `encore train` would.
        max_bytes: bytes that a document may take.
        max_loss: points of accuracy that may be lost against the most accurate setting.
        documents: number of documents for which to project the store's size; None takes the store's own.
        id_column, label_column: names of columns in the label files.
        text: how text files of labels are to be read.
        snapshot: of the store, by number or tag; None takes the newest.
        workers: processes that train side by side.

    Raises:
        UsageError: a number out of range.
    """

    store: str
    labels: tuple[LabelFiles, ...]
    out: Path
    layers: tuple[str, ...] = ()
    positions: tuple[str, ...] = ()
    quantizers: tuple[str, ...] = ()
    queries: int = 1
    seeds: int = SEEDS
    epochs: int | None = None
    max_bytes: float | None = None
    max_loss: float | None = None
    documents: int | None = None
    id_column: str = "doc_id"
    label_column: str = "label"
    text: TextOptions = PLAIN_TEXT
    snapshot: int | str | None = None
    workers: int = 2

    def __post_init__(self) -> None:
        settle_fields(self)
        for name, value in (("seeds", self.seeds), ("workers", self.workers), ("documents", self.documents)):
            if value is not None and value < 1:
                raise UsageError(f"{name} {value}: expected at least 1")
        if self.max_bytes is not None and not (math.isfinite(self.max_bytes) and self.max_bytes > 0):
            raise UsageError(f"max bytes per document {self.max_bytes}: expected a number above 0")
        if self.max_loss is not None and not (math.isfinite(self.max_loss) and self.max_loss >= 0):
            raise UsageError(f"max loss {self.max_loss}: expected points of accuracy, 0 or more")

    @property
    def command(self) -> str:
        """The command that asks for this."""
        words = ["encore", "tradeoff", "--store", self.store]
        for files in self.labels:
            words += ["--labels", str(files)]
        words += ["--out", str(self.out)]
        for option, values in (
            ("--layers", self.layers),
            ("--positions", self.positions),
            ("--quantizer", self.quantizers),
        ):
            for value in values:
                words += [option, value]
        defaults = TradeoffRequest(self.store, (), self.out)
        for name, option in OPTIONS.items():
            value = getattr(self, name)
            if value != getattr(defaults, name):
                words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
        return shlex.join(words)


OPTIONS = {
    "queries": "--queries",
    "seeds": "--seeds",
    "epochs": "--epochs",
    "max_bytes": "--max-bytes-per-document",
    "max_loss": "--max-loss",
    "documents": "--documents",
    "id_column": "--id-column",
    "label_column": "--label-column",
    "snapshot": "--snapshot",
    "workers": "--workers",
}
"""Attribute → the option that sets it."""
