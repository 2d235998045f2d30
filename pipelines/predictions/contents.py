"""What a prediction file holds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from heads import Scores


def prediction_table(doc_ids: pa.ChunkedArray, scores: Scores, *, probabilities: bool) -> pa.Table:
    """Rows of a prediction file: ``doc_id``, ``label``, its probability as ``score``; if asked for ``probabilities``.

    The probabilities are a list of float32 a document, in the order of the head's classes.
    """
    best = scores.probabilities.argmax(axis=1)
    classes = pa.array(scores.head.classes, pa.string())
    columns = {
        "doc_id": doc_ids,
        "label": pa.DictionaryArray.from_arrays(pa.array(best.astype(np.int32)), classes),
        "score": pa.array(np.take_along_axis(scores.probabilities, best[:, None], axis=1)[:, 0]),
    }
    if probabilities:
        # Lists of any length: heads of two and of five classes go into one table.
        width = scores.probabilities.shape[1]
        ends = pa.array(np.arange(len(best) + 1) * width, pa.int32())
        columns["probabilities"] = pa.ListArray.from_arrays(ends, pa.array(scores.probabilities.ravel()))
    return pa.table(columns)
