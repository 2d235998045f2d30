"""A small rich store with labels that show in its features, and requests for reports of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from experiments.tradeoff.label_options import LabelFiles
from experiments.tradeoff.request import TradeoffRequest
from featurestore import Change, Store, commit
from featurestore.entries import SegmentEntry
from featurestore.segments import EncodingCounts, write_segment
from tests.heads.building import learnable, spec_of

DOCUMENTS = 90


def rich_store(folder: Path) -> Path:
    """A store of stack:3 float16 tokens of 90 documents, with labels ``three`` and ``two`` of three and two classes."""
    spec = spec_of("float16", "stack:3")
    store = Store.create(str(folder / "rich"), spec)
    block, codes = learnable(spec, DOCUMENTS, 3)
    rows = len(block.packed)
    name = store.segment_for(block.index)
    record = write_segment(store.objects, name, block, spec, EncodingCounts(rows, rows), codec="none")
    commit(store, Change(store.version, "encode", [SegmentEntry.of(record)], {}))
    ids = block.doc_ids.to_pylist()
    for task, classes in (("three", 3), ("two", 2)):
        labels = [f"class {code % classes}" for code in codes]
        for part, chosen in (("train", slice(0, 60)), ("dev", slice(60, None))):
            table = pa.table({"doc_id": ids[chosen], "label": labels[chosen]})
            pyarrow.csv.write_csv(table, folder / f"{task}-{part}.csv")
    return folder


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
