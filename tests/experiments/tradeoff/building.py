"""A small rich store with labels that show in its features, and requests for reports of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from encore.experiments.tradeoff.measurement.labels import LabelFiles
from encore.experiments.tradeoff.request import TradeoffRequest
from encore.featurestore import Catalogue, Change, FeatureBlock, commit
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.segments.writer import EncodingCounts, write_segment
from tests.heads.building import learnable, pairs_alike_or_not, spec_of

DOCUMENTS = 90
RICH = spec_of("float16", "stack:3")


def rich_store(folder: Path) -> Path:
    """A store of stack:3 float16 tokens of 90 documents, with labels ``three`` and ``two`` of three and two classes."""
    block, codes = learnable(RICH, DOCUMENTS, 3)
    _store_of(folder / "rich", block)
    for task, classes in (("three", 3), ("two", 2)):
        _labels_of(folder / task, block, [f"class {code % classes}" for code in codes])
    return folder


def pair_store(folder: Path) -> Path:
    """The same of 90 pairs of texts, with labels ``alike``: whether both texts begin alike."""
    block, codes = pairs_alike_or_not(RICH, DOCUMENTS)
    _store_of(folder / "rich", block)
    _labels_of(folder / "alike", block, ["yes" if code else "no" for code in codes])
    return folder


def _store_of(uri: Path, block: FeatureBlock) -> None:
    store = Catalogue.create(str(uri), RICH)
    rows = len(block.packed)
    name = store.segment_for(block.index)
    record = write_segment(store.objects, name, block, RICH, EncodingCounts(rows, rows), codec="none")
    commit(store, Change(store.version, "encode", [SegmentEntry.of(record)], {}))


def _labels_of(stem: Path, block: FeatureBlock, labels: list[str]) -> None:
    for part, chosen in (("train", slice(0, 60)), ("dev", slice(60, None))):
        table = pa.table({"doc_id": block.doc_ids[chosen], "label": labels[chosen]})
        pyarrow.csv.write_csv(table, f"{stem}-{part}.csv")


def request(folder: Path, out: Path, tasks: tuple[str, ...] = ("three", "two"), **asked: Any) -> TradeoffRequest:
    """A report of eight settings of that store, two seeds, one epoch, in this process."""
    files = tuple(LabelFiles(task, f"{folder}/{task}-train.csv", f"{folder}/{task}-dev.csv") for task in tasks)
    usual: dict[str, Any] = {
        "layers": ("last", "mean:2"),
        "positions": ("tokens", "mean"),
        "quantizers": ("float16", "uint8"),
        "seeds": 2,
        "epochs": 1,
        "workers": 1,
    }
    return TradeoffRequest(str(folder / "rich"), files, out, **(usual | asked))


def silent(_what: str, _done: int, _total: int) -> None:
    """No progress."""
