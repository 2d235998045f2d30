"""Features are scanned and gathered as they were written, and no more is read than is needed."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from encore.featurestore import Catalogue, DataError
from encore.featurestore.quantizers import UInt8
from encore.featurestore.segments.reader import SegmentReader
from encore.featurestore.storage.objects import Objects
from tests.featurestore.building import expected, features_of, held, put, spec_of

TEXTS = {f"doc-{i}": f"text {i}" for i in range(12)}
MORE = {f"doc-{i}": f"text {i}" for i in range(12, 20)}
TENSOR = UInt8("per-tensor", "min-max", scale=(0.25,), zero_point=(100,))


class TestScan:
    def test_blocks_are_as_large_as_asked_for_and_no_larger(self, store: Catalogue) -> None:
        store = put(store, {f"{i}": f"long text {i}" for i in range(200)})
        whole = [block.packed for block in store.scan()]
        assert len(whole) == 1
        parts = list(store.scan(max_bytes=40))
        assert all(block.packed.nbytes <= 40 for block in parts)
        # No two neighbours would fit into one block.
        assert all(a.packed.nbytes + b.packed[: b.offsets[1]].nbytes > 40 for a, b in pairwise(parts))
        assert np.array_equal(np.concatenate([block.packed for block in parts]), whole[0])

    def test_a_document_larger_than_a_block_comes_alone(self, store: Catalogue) -> None:
        store = put(store, TEXTS)
        assert [len(block) for block in store.scan(max_bytes=1)] == [1] * len(TEXTS)
        assert held(store) == expected(TEXTS, store.spec)

    def test_no_more_is_read_than_is_yielded(self, store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        store = put(store, {f"{i}": f"long text {i}" for i in range(200)})
        sizes = []
        packed = SegmentReader.packed
        monkeypatch.setattr(
            SegmentReader,
            "packed",
            lambda self, a, b: sizes.append((b - a) * 2) or packed(self, a, b),  # type: ignore[func-returns-value]
        )
        for block in store.scan(max_bytes=100):
            assert sizes[-1] == block.packed.nbytes <= 100

    def test_deleted_documents_are_left_out_of_every_block(self, store: Catalogue) -> None:
        base = put(store, TEXTS)
        less = put(base, {}, prune=frozenset({"doc-0", "doc-5", "doc-6", "doc-11"}))
        left = {doc_id: text for doc_id, text in TEXTS.items() if doc_id not in ("doc-0", "doc-5", "doc-6", "doc-11")}
        for max_bytes in (1, 7, 30, 1 << 20):
            found = [doc_id for block in less.scan(max_bytes) for doc_id in block.doc_ids.to_pylist()]
            assert found == list(left)
        assert held(less) == expected(left, less.spec)

    def test_a_segment_of_dead_documents_is_not_read(self, store: Catalogue) -> None:
        base = put(store, TEXTS)
        empty = put(base, {}, prune=frozenset(TEXTS))
        entry = empty.entries[0]
        empty.objects.delete([path for path, _ in empty.objects.walk(f"segments/{entry.segment}")])
        assert (list(empty.scan()), empty.documents().num_rows, len(empty.keys)) == ([], 0, 0)

    def test_decoded_features_are_those_that_were_encoded(self, tmp_path: Path) -> None:
        spec = spec_of().with_quantizer(TENSOR)
        store = put(Catalogue.create(str(tmp_path), spec), TEXTS)
        block = next(store.scan())
        floats = spec.quantizer.dequantize(torch.from_numpy(block.packed), spec.width)
        assert floats.shape == (len(block.packed), 16)
        assert torch.equal(spec.quantizer.quantize(floats), torch.from_numpy(block.packed))


class TestGather:
    def test_any_order_over_many_segments(self, store: Catalogue) -> None:
        texts: dict[str, str] = {}
        for i in range(6):
            texts |= {f"{i}-{j}": f"{i} {j}" for j in range(5)}
            store = put(store, texts)
        random = np.random.default_rng(3)
        for _ in range(5):
            ids = random.choice(list(texts), 40).tolist()
            block = store.gather(ids)
            assert block.doc_ids.to_pylist() == ids
            assert block.packed.tobytes() == b"".join(features_of(texts[i], store.spec).tobytes() for i in ids)

    @pytest.mark.parametrize(
        "ids",
        [
            ["doc-2", "doc-1"],
            pa.array(["doc-2", "doc-1"]),
            pa.array(["doc-2", "doc-1"], pa.large_string()),
            pa.chunked_array([["doc-2"], ["doc-1"]]),
            pa.array(["doc-2", "doc-1"]).dictionary_encode(),
        ],
    )
    def test_ids_come_in_many_forms(self, store: Catalogue, ids: object) -> None:
        store = put(store, TEXTS)
        assert store.gather(ids).doc_ids.to_pylist() == ["doc-2", "doc-1"]  # type: ignore[arg-type]
        assert store.contains(ids).tolist() == [True, True]  # type: ignore[arg-type]

    def test_whole_numbers_are_taken_as_their_decimal_text(self, store: Catalogue) -> None:
        store = put(store, {"7": "x", "8": "y"})
        assert store.gather(pa.array([8])).doc_ids.to_pylist() == ["8"]

    def test_ids_that_are_not_stored_are_counted_and_named(self, store: Catalogue) -> None:
        store = put(store, TEXTS)
        asked = ["doc-1", *(f"missing-{i}" for i in range(9))]
        with pytest.raises(DataError) as raised:
            store.gather(asked)
        assert str(raised.value) == (
            f"{store.uri}: 9 of 10 documents are not stored, for example missing-0, missing-1, missing-2, missing-3, "
            "missing-4"
        )

    def test_what_was_deleted_or_superseded_is_found_where_it_lives_now(self, store: Catalogue) -> None:
        store = put(put(store, TEXTS | MORE), {"doc-3": "changed"}, prune=frozenset({"doc-4", "doc-19"}))
        assert store.contains(["doc-4", "doc-3", "doc-19", "doc-3"]).tolist() == [False, True, False, True]
        assert store.gather(["doc-3"]).packed.tobytes() == features_of("changed", store.spec).tobytes()
        with pytest.raises(DataError, match="1 of 2 documents are not stored, for example doc-4"):
            store.gather(["doc-3", "doc-4"])

    def test_each_index_is_read_once_and_features_only_where_a_document_lies(
        self, store: Catalogue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for i in range(4):
            store = put(store, {f"{i}-{j}": f"{i} {j}" for j in range(5)})
        asked: list[str] = []
        get_range = Objects.get_range

        def noted(self: Objects, path: str, start: int, length: int) -> bytes:
            asked.append(path.split("/", 3)[3])
            return get_range(self, path, start, length)

        monkeypatch.setattr(Objects, "get_range", noted)
        assert store.gather(["2-1", "0-3", "2-4"]).doc_ids.to_pylist() == ["2-1", "0-3", "2-4"]
        assert (asked.count("documents.parquet"), asked.count("features/c/0/0"), asked.count("offsets/c/0")) == (
            4,
            2,
            2,
        )

    def test_a_null_id_is_refused(self, store: Catalogue) -> None:
        with pytest.raises(DataError, match="1 of 2 ids are null"):
            put(store, TEXTS).gather(pa.array(["doc-1", None]))
