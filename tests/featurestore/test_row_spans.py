from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from encore.featurestore import Catalogue
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.row_spans import RowSpans
from tests.featurestore.building import features_of, put, spec_of

TEXTS = {f"d{number}": f"text {number}" for number in range(12)}


def test_the_rows_of_a_span_are_the_document(tmp_path: Path) -> None:
    store = Catalogue.create(str(tmp_path / "store"), spec_of())
    for start in (0, 5, 9):
        store = put(store, dict(list(TEXTS.items())[start : start + 5]))
    ids = ["d11", "d3", "nobody", "d3", "d6"]
    spans = RowSpans.of(store, pa.array(ids))
    assert spans.stored.tolist() == [True, True, False, True, True]
    for doc_id, span in zip(ids, zip(spans.segments, spans.starts, spans.stops, strict=True), strict=True):
        if doc_id in TEXTS:
            rows = store.reader(store.entries[span[0]]).packed(span[1], span[2])
            np.testing.assert_array_equal(rows, features_of(TEXTS[doc_id], store.spec))
    assert spans.take(spans.stored).lengths.tolist() == [
        len(features_of(TEXTS[doc_id], store.spec)) for doc_id in ids if doc_id in TEXTS
    ]


def test_deleted_documents_are_not_stored_and_changed_ones_are_where_they_are_now(tmp_path: Path) -> None:
    store = put(Catalogue.create(str(tmp_path / "store"), spec_of()), TEXTS)
    store = put(store, {"d4": "another text"})
    delete(store, ["d5"])
    store = Catalogue.open(store.uri)
    spans = RowSpans.of(store, pa.array(["d5", "d4"]))
    assert spans.stored.tolist() == [False, True]
    rows = store.reader(store.entries[spans.segments[1]]).packed(int(spans.starts[1]), int(spans.stops[1]))
    np.testing.assert_array_equal(rows, features_of("another text", store.spec))


def test_an_empty_store_holds_nothing(tmp_path: Path) -> None:
    store = Catalogue.create(str(tmp_path / "store"), spec_of())
    assert RowSpans.of(store, pa.array(["d0"])).stored.tolist() == [False]
