"""Predictions outside a predictions folder. Every row names its head, and every probability its class."""

from __future__ import annotations

import pyarrow as pa

from encore.heads import Scores
from encore.pipelines.predictions import MAP, PREDICTION_COLUMNS, PROBABILITIES, as_map, head_name, prediction_table


def rows_of_scores(doc_ids: pa.ChunkedArray, scores: Scores, *, probabilities: bool) -> pa.Table:
    """The predictions of one head for some documents, as a table of `row_schema`.

    Args:
        doc_ids: of the documents.
        scores: the head, and its probabilities (documents, classes).
        probabilities: keep every class's probability beside the label and its score.
    """
    table = prediction_table(doc_ids, scores, probabilities=probabilities)
    if probabilities:
        maps = as_map(table[PROBABILITIES].combine_chunks(), scores.head.classes)
        table = table.set_column(table.column_names.index(PROBABILITIES), PROBABILITIES, maps)
    return table.add_column(1, "head", pa.repeat(head_name(scores.head), table.num_rows))


def row_schema(*, probabilities: bool) -> pa.Schema:
    """``doc_id``, ``head`` (``task@digest``), ``label``, ``score``; if asked for ``probabilities``, class → float32."""
    fields = [pa.field(name, kind) for name, kind in PREDICTION_COLUMNS.items()]
    fields.insert(1, pa.field("head", pa.string()))
    return pa.schema([*fields, pa.field(PROBABILITIES, MAP)] if probabilities else fields)
