"""What the tests of the store build with: specs, blocks whose features follow from the text, and a store to fill."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.featurestore import (
    Catalogue,
    Change,
    CommitConflict,
    EncoderSpec,
    FeatureBlock,
    FeatureSpec,
    StoreError,
    TextSpec,
    UsageError,
    commit,
)
from encore.featurestore.commits.adoption import find_adoptable
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.segments.records import SegmentRecord
from encore.featurestore.segments.writer import EncodingCounts, write_segment
from tests.documents import document_index, packed_numbers

ENCODER = EncoderSpec(
    weights="aa" * 32, tokenizer="bb" * 32, hidden_size=16, num_layers=6, name="tiny", source="package:tiny"
)


def spec_of(
    quantizer: str = "sign", layers: str | None = "mean:4", positions: str = "tokens", *, width: int = 16
) -> FeatureSpec:
    """A spec of a small encoder; it is calibrated where the quantizer needs nothing measured."""
    encoder = EncoderSpec(**{**vars(ENCODER), "hidden_size": width})
    return FeatureSpec.build(encoder, TextSpec(64), layers, positions, quantizer)


def features_of(text: str, spec: FeatureSpec) -> npt.NDArray[np.generic]:
    """(1 to 5 rows, …): packed features that follow from the text alone, as an encoder's do."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    random = np.random.default_rng(seed)
    rows = int(random.integers(1, 6)) if spec.positions == "tokens" else 1
    return packed_numbers(spec, rows, random)


def block_of(spec: FeatureSpec, texts: Mapping[str, str], kept: Mapping[str, pa.Array] | None = None) -> FeatureBlock:
    """A block of the documents ``texts`` (id → text), and the corpus columns ``kept``."""
    features = [features_of(text, spec) for text in texts.values()]
    lengths = [len(rows) for rows in features]
    index = document_index(list(texts), list(texts.values()), lengths)
    for name, values in (kept or {}).items():
        index = index.append_column(name, values)
    nothing = np.empty((0, *spec.packed_shape), spec.quantizer.dtype)
    return FeatureBlock(index, np.concatenate([nothing, *features]), np.cumsum([0, *lengths]))


def write(
    store: Catalogue, texts: Mapping[str, str], kept: Mapping[str, pa.Array] | None = None, *, codec: str = "none"
) -> SegmentRecord:
    """Store documents as one segment, as a job does, without committing it."""
    block = block_of(store.spec, texts, kept)
    counts = EncodingCounts(len(block.packed), len(block.packed))
    segment, finished = find_adoptable(store, store.segment_for(block.index))
    return finished or write_segment(store.objects, segment, block, store.spec, counts, codec=codec)


def change_to(store: Catalogue, texts: Mapping[str, str], prune: frozenset[str] = frozenset()) -> Change:
    """The change that makes ``store`` hold these texts too, and no longer those of ``prune``: what a job plans."""
    index = document_index(list(texts), list(texts.values()), [1] * len(texts))
    found = store.keys.find(index["key_hash"])
    same = store.keys.same_text(found, index["text_digest"])
    new = {doc_id: text for (doc_id, text), stored in zip(texts.items(), same, strict=True) if not stored}
    gone = found[(found >= 0) & ~same]
    if prune:
        pruned = store.keys.find(document_index(sorted(prune), sorted(prune), [1] * len(prune))["key_hash"])
        gone = np.concatenate([gone, pruned[pruned >= 0]])
    added = [SegmentEntry.of(write(store, new))] if new else []
    return Change(store.version, "encode", added, store.locate(store.keys, gone))


def put(store: Catalogue, texts: Mapping[str, str], prune: frozenset[str] = frozenset()) -> Catalogue:
    """Add and update documents in one commit."""
    return commit(store, change_to(store, texts, prune))


def held(store: Catalogue) -> dict[str, bytes]:
    """id → packed features of every live document, by a scan; fails where an id comes twice."""
    found: dict[str, bytes] = {}
    for block in store.scan():
        for doc_id, start, stop in zip(block.doc_ids.to_pylist(), block.offsets[:-1], block.offsets[1:], strict=True):
            assert doc_id not in found, f"{doc_id} is stored twice"
            found[doc_id] = block.packed[start:stop].tobytes()
    return found


def expected(texts: Mapping[str, str], spec: FeatureSpec) -> dict[str, bytes]:
    """What `held` gives for a store of these texts."""
    return {doc_id: features_of(text, spec).tobytes() for doc_id, text in texts.items()}


def again(work: Callable[[], object]) -> None:
    """Repeat work until it succeeds: without an age limit a vacuum may remove what the work reads."""
    for _ in range(200):
        try:
            work()
        except (CommitConflict, StoreError, UsageError):
            continue
        return
    raise AssertionError("the work failed 200 times in a row")
