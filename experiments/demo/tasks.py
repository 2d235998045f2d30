"""The demo's two tasks. Labels come from the code around a docstring, not from its text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from encore.featurestore.documents import key_hashes

PACKAGE_CLASSES = 8
"""Number of classes of the task ``package``: the packages with the most docstrings."""

HELD_OUT = 5
"""One document in this many is held out."""


@dataclass(frozen=True)
class DemoLabels:
    """A task's labels on disk: Parquet with ``doc_id`` and ``label``."""

    train: Path
    held_out: Path


def demo_tasks(corpus: pa.Table) -> dict[str, tuple[pa.Table, pa.Table]]:
    """Task → (training labels, held-out labels), each with ``doc_id`` and ``label``.

    - ``package``: which of the `PACKAGE_CLASSES` largest packages a text documents; other texts have no label.
    - ``kind``: function, class, method or module.

    The hash of its id decides whether a document is held out. So it is on the same side in every task, in every run and
    on every machine.

    Args:
        corpus: table of `encore.experiments.demo.docstrings.build_corpus`.
    """
    packages = corpus.filter(pc.is_in(corpus["package"], _largest(corpus["package"], PACKAGE_CLASSES)))
    return {"package": _split(packages, "package"), "kind": _split(corpus, "kind")}


def write_labels(tasks: dict[str, tuple[pa.Table, pa.Table]], directory: Path) -> dict[str, DemoLabels]:
    """Write each task as ``<task>-train.parquet`` and ``<task>-held-out.parquet``."""
    directory.mkdir(parents=True, exist_ok=True)
    written = {}
    for task, (train, held_out) in tasks.items():
        files = DemoLabels(directory / f"{task}-train.parquet", directory / f"{task}-held-out.parquet")
        pq.write_table(train, files.train)
        pq.write_table(held_out, files.held_out)
        written[task] = files
    return written


def _largest(values: pa.ChunkedArray, count: int) -> pa.Array:
    """The most frequent values. Equally frequent ones are sorted by name."""
    frequencies = pa.Table.from_struct_array(pc.value_counts(values))
    order = pc.sort_indices(frequencies, sort_keys=[("counts", "descending"), ("values", "ascending")])
    return frequencies["values"].take(order[:count]).combine_chunks()


def _split(documents: pa.Table, column: str) -> tuple[pa.Table, pa.Table]:
    labels = documents.select(["doc_id", column]).rename_columns(["doc_id", "label"])
    labels = labels.replace_schema_metadata()
    held_out = _held_out(labels["doc_id"])
    return labels.filter(pc.invert(held_out)), labels.filter(held_out)


def _held_out(doc_ids: pa.ChunkedArray) -> pa.Array:
    """Boolean mask: True where the hash of the id, as a number, is a multiple of `HELD_OUT`."""
    words = np.frombuffer(b"".join(key_hashes(doc_ids).to_pylist()), dtype=">u8")
    return pa.array(words[::2] % HELD_OUT == 0)
