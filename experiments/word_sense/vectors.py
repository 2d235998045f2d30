"""One vector for each target word: the mean of its sub-words' stored features."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch

from encore.experiments.word_sense.alignment import WordRows
from encore.featurestore import Catalogue
from encore.featurestore.documents import offsets_of, rows_of


def word_vectors(store: Catalogue, doc_ids: pa.ChunkedArray, rows: WordRows) -> npt.NDArray[np.float32]:
    """(n, width) float32: the mean over each target's sub-words, decoded; zeros where none is stored.

    The store is read once, in blocks; only the rows of targets are decoded.

    Args:
        store: features of every token, of one layer.
        doc_ids: (sentences,) document id of each sentence.
        rows: where the targets lie.
    """
    vectors = np.zeros((len(rows.counts), store.spec.width), np.float32)
    found = np.flatnonzero(rows.found)
    by_sentence = found[np.argsort(rows.sentences[found], kind="stable")]
    instances = np.bincount(rows.sentences[found], minlength=len(doc_ids))
    places = offsets_of(instances)
    for block in store.scan():
        sentences = pc.index_in(block.doc_ids, value_set=doc_ids)
        documents = np.flatnonzero(sentences.is_valid())
        sentences = sentences.drop_null().to_numpy().astype(np.int64)
        here = by_sentence[rows_of(places[sentences], instances[sentences])]
        if not len(here):
            continue
        starts = np.repeat(block.offsets[documents], instances[sentences]) + rows.first[here]
        packed = torch.from_numpy(np.ascontiguousarray(block.packed[rows_of(starts, rows.counts[here])]))
        values = store.spec.quantizer.dequantize(packed, store.spec.width).numpy()
        sums = np.add.reduceat(values, offsets_of(rows.counts[here])[:-1], axis=0)
        vectors[here] = sums / rows.counts[here][:, None]
    return vectors
