from __future__ import annotations

import gc
import pickle
from collections.abc import Callable
from multiprocessing.context import BaseContext
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from encore.featurestore import Catalogue, DataError, FeatureSpec, UsageError
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.segments.reader import SegmentReader
from encore.heads.feature_dataset import FeatureDataset
from tests.featurestore.building import put
from tests.forks import fork_context
from tests.heads.building import labels_of, spec_of

FIRST = {f"a{number}": f"text {number}" for number in range(9)}
SECOND = {f"b{number}": f"other text {number}" for number in range(6)}
LABELS = {name: ["even", "odd"][number % 2] for number, name in enumerate([*SECOND, *FIRST])}


def stored(uri: Path | str, spec: FeatureSpec | None = None) -> Catalogue:
    """Two segments of 15 documents."""
    return put(put(Catalogue.create(str(uri), spec or spec_of("uint8")), FIRST), SECOND)


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    return stored(tmp_path / "store")


def decoded(store: Catalogue, doc_id: str) -> torch.Tensor:
    """(tokens, …) float32 of one document, by another way."""
    block = store.gather([doc_id])
    return store.spec.quantizer.dequantize(torch.from_numpy(block.packed), store.spec.width)


@pytest.mark.parametrize(
    ("quantizer", "layers", "positions"),
    [("sign", "mean:4", "tokens"), ("float16", "stack:3", "tokens"), ("uint8", "last", "mean")],
)
def test_an_item_is_what_the_store_holds_of_a_document_and_its_class(
    tmp_path: Path, quantizer: str, layers: str, positions: str
) -> None:
    store = stored(tmp_path / "store", spec_of(quantizer, layers, positions))
    dataset, pooled = (FeatureDataset(store, labels_of(LABELS), pooled=pooled) for pooled in (None, "mean"))
    assert (len(dataset), dataset.classes) == (15, ("even", "odd"))
    for place, (doc_id, label) in enumerate(LABELS.items()):
        expected = decoded(store, doc_id)
        features, code = dataset[place]
        torch.testing.assert_close(features, expected, rtol=0, atol=0)
        assert dataset.classes[code] == label
        torch.testing.assert_close(pooled[place][0], expected.mean(dim=0))
    with pytest.raises(IndexError):
        dataset[15]


@pytest.mark.parametrize("memory", [0, 100, 1 << 20])
def test_items_that_are_asked_for_together_come_in_their_order(store: Catalogue, memory: int) -> None:
    dataset = FeatureDataset(store, labels_of(LABELS), memory=memory)
    for places in ([14, 0, 7, 0], [3], [-1, 14], [], list(range(15))):
        items = dataset.__getitems__(places)
        assert len(items) == len(places)
        for place, (features, code) in zip(places, items, strict=True):
            doc_id = list(LABELS)[place]
            assert torch.equal(features, decoded(store, doc_id))
            assert dataset.classes[code] == LABELS[doc_id]


def test_a_loader_pads_documents_of_different_lengths(store: Catalogue) -> None:
    dataset = FeatureDataset(store, labels_of(LABELS))
    (batch,) = DataLoader(dataset, batch_size=15, collate_fn=dataset.collate)
    features, lengths, classes = batch
    assert features.shape == (15, int(lengths.max()), 16)
    assert (features.dtype, lengths.dtype, classes.dtype) == (torch.float32, torch.int64, torch.int64)
    assert len(set(lengths.tolist())) > 1
    for row, doc_id in enumerate(LABELS):
        assert torch.equal(features[row, : lengths[row]], decoded(store, doc_id))
        assert not features[row, lengths[row] :].any()
        assert dataset.classes[classes[row]] == LABELS[doc_id]


def test_vectors_need_no_padding(store: Catalogue) -> None:
    dataset = FeatureDataset(store, labels_of(LABELS), pooled="mean")
    features, classes = next(iter(DataLoader(dataset, batch_size=15)))
    assert (features.shape, classes.shape) == ((15, 16), (15,))


@pytest.mark.parametrize("way", ["fork", fork_context], ids=["fork", "forkserver"])
def test_worker_processes_read_for_a_loader(store: Catalogue, way: str | Callable[[], BaseContext]) -> None:
    delete(store, ["a0"])
    dataset = FeatureDataset(store, labels_of(LABELS))
    _ = dataset[3]
    context = way if isinstance(way, str) else way()
    loader = DataLoader(
        dataset, batch_size=4, num_workers=2, multiprocessing_context=context, collate_fn=dataset.collate, timeout=120
    )
    batches = list(loader)
    expected = list(DataLoader(dataset, batch_size=4, collate_fn=dataset.collate))
    assert len(batches) == len(expected) == 4
    for found, wanted in zip(batches, expected, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


def test_object_storage_is_read_by_workers_that_are_no_forks(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Seconds that a loader waits for the end of a worker: that of a fork that cannot read never comes.
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.2)
    dataset = FeatureDataset(stored(f"{s3_bucket}/store"), labels_of(LABELS), memory=0)
    expected, code = dataset.__getitems__(range(15))[3]

    def first_batch(way: str) -> list[torch.Tensor]:
        loader = DataLoader(
            dataset, batch_size=15, num_workers=1, multiprocessing_context=way, collate_fn=dataset.collate, timeout=120
        )
        return list(next(iter(loader)))

    features, lengths, classes = first_batch("spawn")
    assert torch.equal(features[3, : lengths[3]], expected)
    assert classes[3] == code
    with pytest.raises(UsageError, match='multiprocessing_context="spawn"'):
        first_batch("fork")
    gc.collect()  # The loader ends its worker now.


def test_a_document_is_read_once_and_without_any_index(store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory is given to keep it; without any it is read each time."""
    kept, not_kept = (FeatureDataset(store, labels_of(LABELS), memory=memory) for memory in (1 << 20, 0))
    length = len(decoded(store, list(LABELS)[3]))
    read: list[int] = []
    packed_rows = SegmentReader.packed_rows

    def counted(reader: SegmentReader, rows: np.ndarray) -> np.ndarray:
        read.append(len(rows))
        return packed_rows(reader, rows)

    monkeypatch.setattr(SegmentReader, "packed_rows", counted)
    monkeypatch.delattr(SegmentReader, "index")
    monkeypatch.delattr(SegmentReader, "offsets")
    for dataset, times in ((kept, 1), (not_kept, 2)):
        read.clear()
        assert torch.equal(dataset[3][0], dataset[3][0])
        assert read == [length] * times


def test_another_process_gets_neither_the_store_nor_what_was_read(store: Catalogue) -> None:
    dataset = FeatureDataset(store, labels_of(LABELS))
    before = len(pickle.dumps(dataset))
    expected = dataset.__getitems__(range(15))
    data = pickle.dumps(dataset)
    assert len(data) == before
    delete(store, list(SECOND))
    for (features, code), (found, same) in zip(expected, pickle.loads(data).__getitems__(range(15)), strict=True):
        assert torch.equal(features, found)
        assert code == same


def test_documents_that_are_not_stored_are_left_out_and_told(store: Catalogue) -> None:
    delete(store, ["a2"])
    store = Catalogue.open(store.uri)
    dataset = FeatureDataset(store, labels_of({"x": "odd", "a2": "odd", "a1": "even", "b1": "odd"}))
    assert dataset.labels.doc_ids.to_pylist() == ["a1", "b1"]
    assert dataset.missing.doc_ids.to_pylist() == ["x", "a2"]
    assert torch.equal(dataset[1][0], decoded(store, "b1"))
    with pytest.raises(DataError, match="none of its 1 labelled documents is in"):
        FeatureDataset(store, labels_of({"x": "odd"}))


def test_classes_may_be_those_of_another_dataset(store: Catalogue) -> None:
    train = FeatureDataset(store, labels_of(LABELS), classes=("rare", "odd", "even"))
    assert {train.classes[code] for _, code in train.__getitems__(range(15))} == {"odd", "even"}
    assert FeatureDataset(store, labels_of({"a1": "odd"}), classes=train.classes)[0][1] == 1
    with pytest.raises(DataError, match="rare"):
        FeatureDataset(store, labels_of({"a1": "rare"}), classes=("odd", "even"))


def test_an_unknown_pooling_is_refused(store: Catalogue) -> None:
    with pytest.raises(UsageError, match="pooled 'no-such-pooling': expected mean, or None"):
        FeatureDataset(store, labels_of(LABELS), pooled="no-such-pooling")


def test_it_says_what_it_is(store: Catalogue) -> None:
    name = store.uri.rpartition("/")[2]
    whole, pooled = (FeatureDataset(store, labels_of(LABELS), pooled=pooled) for pooled in (None, "mean"))
    assert repr(whole) == f"<FeatureDataset {name}@2: 15 documents, 2 classes, all tokens>"
    assert repr(pooled) == f"<FeatureDataset {name}@2: 15 documents, 2 classes, mean of the tokens>"
    page = whole._repr_html_()
    assert all(f">{it}<" in page for it in (store.uri, "not stored", "15", *whole.classes))
