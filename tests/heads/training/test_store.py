"""Labels meet a store: what is stored is trained on, what is not is counted and named."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from encore.featurestore import INDEX_SCHEMA, Catalogue, Change, DataError, UsageError, commit
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.segments.reader import IndexFile
from encore.heads import Split, TrainSettings
from encore.heads.training.store import TrainRequest, train_from_store
from tests.featurestore.building import put, spec_of, write
from tests.heads.building import labels_of

QUICK = TrainSettings(epochs=2)
CLASSES = {f"d{number}": "xy"[number % 2] for number in range(40)}


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    """Forty documents, in two commits."""
    empty = Catalogue.create(str(tmp_path / "store"), spec_of())
    first = put(empty, {doc_id: f"text of {doc_id}" for doc_id in list(CLASSES)[:25]})
    return put(first, {doc_id: f"text of {doc_id}" for doc_id in CLASSES})


def test_a_head_records_the_snapshot_and_what_became_of_the_labels(store: Catalogue) -> None:
    labels = labels_of(CLASSES | {f"gone{number}": "x" for number in range(7)})
    result = train_from_store(store, TrainRequest("topic", labels, settings=QUICK))
    assert result.head.snapshot == store.version
    assert result.head.spec == store.spec
    assert result.head.classes == ("x", "y")
    assert (result.train.used, result.train.not_stored) == (40, 7)
    assert result.train.examples == "gone0, gone1, gone2, gone3, gone4 and 2 more"
    assert result.dev is None
    assert result.head.training["documents"] == 36
    assert result.head.evaluation is not None
    assert result.head.evaluation.documents == 4


@pytest.mark.parametrize("share", [0.25, 0])
def test_a_head_knows_the_documents_that_it_learned_from_and_no_others(store: Catalogue, share: float) -> None:
    labels = labels_of(CLASSES | {"gone": "x"})
    head = train_from_store(store, TrainRequest("topic", labels, dev_share=share, settings=QUICK)).head
    split = Split.given(labels) if share == 0 else Split.by_share(labels_of(CLASSES), share, QUICK.seeds[0])
    assert head.trained_on is not None
    stored = split.train.filter(store.contains(split.train.doc_ids))
    assert len(head.trained_on) == head.trained_on.count(stored.doc_ids) == len(stored) == head.training["documents"]


def test_no_kept_column_is_read(store: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training reads no kept column, whatever these columns hold."""
    kept = {"at": pa.array([1], pa.timestamp("ns")), "tags": pa.array([[Decimal("1.10")]])}
    added = [write(store, {f"k{number}": "a text"}, kept) for number in range(2)]
    store = commit(store, Change(store.version, "encode", [SegmentEntry.of(record) for record in added]))
    read: set[str] = set()
    decode = IndexFile.read
    monkeypatch.setattr(
        IndexFile, "read", lambda self, *given: read.update(given[0] or ["all"]) or decode(self, *given)
    )
    result = train_from_store(store, TrainRequest("topic", labels_of(CLASSES | {"k0": "x", "k1": "y"}), settings=QUICK))
    assert result.train.used == 42
    assert read <= set(INDEX_SCHEMA.names)


def test_every_document_meets_its_own_label(store: Catalogue) -> None:
    backwards = list(reversed(CLASSES))
    block = store.gather(backwards)
    first_bits = block.packed[block.offsets[:-1], 0] >> 7
    labels = labels_of({doc_id: "xy"[bit] for doc_id, bit in zip(backwards, first_bits, strict=True)})
    settings = TrainSettings(poolings=("cls",), epochs=80, learning_rates=(3e-3,))
    result = train_from_store(store, TrainRequest("bit", labels, dev_share=0, settings=settings))
    assert result.head.training["history"][-1]["loss"] < 0.2


def test_dev_labels_of_their_own_are_measured_on(store: Catalogue) -> None:
    ids = list(CLASSES)
    train, dev = ({doc_id: CLASSES[doc_id] for doc_id in part} for part in (ids[:30], ids[30:]))
    dev["gone"] = "y"
    request = TrainRequest("topic", labels_of(train), dev=labels_of(dev, "dev.csv"), settings=QUICK)
    result = train_from_store(store, request)
    assert result.head.training["documents"] == 30
    assert result.head.evaluation is not None
    assert result.head.evaluation.documents == 10
    assert result.dev is not None
    assert (result.dev.used, result.dev.not_stored, result.dev.examples) == (10, 1, "gone")


def test_no_dev_share_means_no_dev(store: Catalogue) -> None:
    result = train_from_store(store, TrainRequest("topic", labels_of(CLASSES), dev_share=0, settings=QUICK))
    assert result.head.evaluation is None
    assert result.head.training["documents"] == 40


def test_labels_of_another_store_are_an_error(store: Catalogue) -> None:
    with pytest.raises(DataError, match=r"none of its 2 labelled documents is in .*labelled: a, b"):
        train_from_store(store, TrainRequest("topic", labels_of({"a": "x", "b": "y"})))


def test_one_class_left_among_the_stored_is_an_error(store: Catalogue) -> None:
    labels = labels_of({"d0": "x", "d2": "x", "d4": "x", "gone": "y"})
    with pytest.raises(DataError, match="every document to train on is 'x'"):
        train_from_store(store, TrainRequest("topic", labels, dev_share=0))


def test_a_wrong_task_name_is_refused_before_any_work(store: Catalogue) -> None:
    with pytest.raises(UsageError, match="task 'a/b'"):
        train_from_store(store, TrainRequest("a/b", labels_of({"a": "x"})))


@pytest.mark.parametrize("share", [-1, 1, float("nan")])
def test_a_dev_share_that_is_none_is_refused(store: Catalogue, share: float) -> None:
    with pytest.raises(UsageError, match=f"dev share {share}"):
        train_from_store(store, TrainRequest("topic", labels_of(CLASSES), dev_share=share))


def test_an_empty_label_table_is_an_error(store: Catalogue) -> None:
    with pytest.raises(DataError, match="holds no labelled document"):
        train_from_store(store, TrainRequest("topic", labels_of({})))
