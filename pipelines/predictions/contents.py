"""The contents of a prediction file: making the table, writing it as Parquet, and checking it when it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from encore.featurestore.common import first_line
from encore.featurestore.format import DamagedParquet, decoded

if TYPE_CHECKING:
    from encore.heads import Scores

LABEL = pa.dictionary(pa.int32(), pa.string())
PREDICTION_COLUMNS = {"doc_id": pa.string(), "label": LABEL, "score": pa.float32()}
PROBABILITIES = "probabilities"


class DamagedFile(Exception):
    """The bytes are not a prediction file. The message says why."""


def prediction_table(doc_ids: pa.ChunkedArray, scores: Scores, *, probabilities: bool) -> pa.Table:
    """Rows of a prediction file: ``doc_id``, ``label``, ``score`` (the label's probability), and ``probabilities``.

    ``probabilities`` is there only if asked for: a list of float32 a document, in the order of the head's classes.
    """
    best = scores.probabilities.argmax(axis=1)
    classes = pa.array(scores.head.classes, pa.string())
    columns = {
        "doc_id": doc_ids,
        "label": pa.DictionaryArray.from_arrays(pa.array(best.astype(np.int32)), classes),
        "score": pa.array(np.take_along_axis(scores.probabilities, best[:, None], axis=1)[:, 0]),
    }
    if probabilities:
        # Lists of variable length, so that heads with different numbers of classes fit into one table.
        width = scores.probabilities.shape[1]
        ends = pa.array(np.arange(len(best) + 1) * width, pa.int32())
        columns[PROBABILITIES] = pa.ListArray.from_arrays(ends, pa.array(scores.probabilities.ravel()))
    return pa.table(columns)


def to_parquet(table: pa.Table) -> bytes:
    """The bytes of a prediction file, with a checksum for every page."""
    sink = pa.BufferOutputStream()
    # No dictionary for ids, which are all different: it took a third of the time, and made the file larger.
    pq.write_table(table, sink, compression="zstd", use_dictionary=["label"], write_page_checksum=True)
    return bytes(sink.getvalue())


def from_parquet(
    data: bytes, documents: int | None, *, probabilities: bool, classes: Sequence[str] | None = None
) -> pa.Table:
    """The rows of a prediction file.

    Args:
        data: its bytes.
        documents: the expected number of rows; None where it is not known.
        probabilities: whether it must hold the probabilities of all classes.
        classes: of the head; None where they are not known.

    Raises:
        DamagedFile: the file is damaged, or does not hold what is expected.
    """
    try:
        table = decoded(data, rows=documents)
        table.validate(full=True)
    except (DamagedParquet, pa.ArrowException) as error:
        raise DamagedFile(first_line(error)) from error
    _check_columns(table, probabilities=probabilities)
    _check_values(table, probabilities=probabilities, classes=classes)
    return table


def _check_columns(table: pa.Table, *, probabilities: bool) -> None:
    wanted = PREDICTION_COLUMNS | ({PROBABILITIES: pa.list_(pa.float32())} if probabilities else {})
    if {field.name: field.type for field in table.schema} != wanted or table.column_names != list(wanted):
        raise DamagedFile(f"does not have the columns {', '.join(wanted)} of predictions")


def _check_values(table: pa.Table, *, probabilities: bool, classes: Sequence[str] | None) -> None:
    if not np.isfinite(table["score"].to_numpy()).all():
        raise DamagedFile("holds scores that are not finite")
    if classes is not None:
        labels = pc.unique(table["label"].cast(pa.string()))
        if not pc.all(pc.is_in(labels, value_set=pa.array(classes, pa.string())), min_count=0).as_py():
            raise DamagedFile("holds labels that are no class of its head")
    if probabilities:
        widths = pc.unique(pc.list_value_length(table[PROBABILITIES])).to_pylist()
        if len(widths) > 1 or (classes is not None and widths not in ([], [len(classes)])):
            raise DamagedFile("holds probabilities of another number of classes than its head has")
        if not np.isfinite(pc.list_flatten(table[PROBABILITIES]).to_numpy()).all():
            raise DamagedFile("holds probabilities that are not finite")
