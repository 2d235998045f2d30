"""Document indexes and packed numbers out of thin air, for tests and benchmarks alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from encore.featurestore import FeatureSpec
from encore.featurestore.documents.ids import key_hashes, text_digests


def document_index(
    ids: list[str], texts: list[str], lengths: list[int], first_lengths: Sequence[int] | None = None
) -> pa.Table:
    """The index columns of documents, in `INDEX_SCHEMA`; of single texts, unless lengths of first texts are given."""
    return pa.table(
        {
            "doc_id": pa.array(ids, pa.string()),
            "key_hash": key_hashes(pa.array(ids, pa.string())),
            "text_digest": text_digests(pa.array(texts, pa.string())),
            "n_tokens": pa.array(lengths, pa.int32()),
            "truncated": pa.array([False] * len(ids), pa.bool_()),
            "n_first_tokens": pa.array(lengths if first_lengths is None else first_lengths, pa.int32()),
        }
    )


def packed_numbers(spec: FeatureSpec, rows: int, random: np.random.Generator) -> np.ndarray:
    """(rows, *packed shape): random stored numbers of a spec, finite."""
    shape = (rows, *spec.packed_shape)
    if spec.quantizer.dtype == "float16":
        return random.standard_normal(shape).astype(np.float16)
    return random.integers(0, 256, shape, dtype=np.uint8)
