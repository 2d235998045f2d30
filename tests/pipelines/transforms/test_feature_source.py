from __future__ import annotations

from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.display import DisplayData

import encore
from encore.beam import ReadFeatures
from encore.featurestore import Catalogue, FeatureBlock, StoreError, UsageError
from encore.featurestore.history.tags import add_tag
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.storage.objects import Objects
from encore.pipelines.flow import segment_blocks
from tests.featurestore.building import expected, put, spec_of
from tests.pipelines.predictions.building import texts, zero

FIRST, SECOND = texts("a", 8), texts("b", 5)


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    """Two segments of 13 documents."""
    store = Catalogue.create(str(tmp_path / "store"), spec_of())
    return put(put(store, FIRST), SECOND)


def documents_of(block: FeatureBlock) -> list[tuple[str, bytes]]:
    """Id and packed features of each document."""
    rows = zip(block.doc_ids.to_pylist(), block.offsets[:-1], block.offsets[1:], strict=True)
    return [(doc_id, block.packed[start:stop].tobytes()) for doc_id, start, stop in rows]


def require(transform: ReadFeatures, documents: dict[str, str], store: Catalogue, *, blocks: int | None = None) -> None:
    """Fail unless a pipeline reads these documents (id → text), each once, with their features."""
    with beam.Pipeline() as pipeline:
        read = pipeline | transform
        found = read | beam.FlatMap(documents_of)
        assert_that(found, equal_to(list(expected(documents, store.spec).items())))
        if blocks is not None:
            assert_that(read | beam.Map(lambda _: 1), equal_to([1] * blocks), label="blocks")


@pytest.mark.parametrize("kind", [str, Path, Catalogue.open, encore.open_store])
def test_every_document_comes_once_with_its_features(store: Catalogue, kind: Any) -> None:
    require(ReadFeatures(kind(store.uri)), FIRST | SECOND, store, blocks=2)


def test_deleted_documents_do_not_come(store: Catalogue) -> None:
    delete(store, ["a1", *SECOND])
    require(ReadFeatures(store.uri), {name: text for name, text in FIRST.items() if name != "a1"}, store)


def test_the_snapshot_stays_while_others_are_committed(store: Catalogue) -> None:
    transform = ReadFeatures(store.uri)
    delete(store, list(FIRST))
    require(transform, FIRST | SECOND, store)
    require(ReadFeatures(store), FIRST | SECOND, store)
    require(ReadFeatures(store.uri), SECOND, store)


def test_a_snapshot_may_be_named_by_number_and_by_tag(store: Catalogue) -> None:
    add_tag(store.objects, "first", 1)
    for snapshot in (1, "1", "first"):
        require(ReadFeatures(store, snapshot), FIRST, store)
    with pytest.raises(UsageError, match="third"):
        ReadFeatures(store.uri, "third")


def test_an_empty_store_gives_nothing(tmp_path: Path) -> None:
    store = Catalogue.create(str(tmp_path / "store"), spec_of())
    require(ReadFeatures(store), {}, store, blocks=0)


@pytest.mark.parametrize("block_bytes", [1 << 20, 20], ids=["one block", "many blocks"])
def test_from_afar_the_same_comes(store: Catalogue, monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    delete(store, ["a1", "b4"])
    monkeypatch.setattr(Objects, "on_disk", False)
    monkeypatch.setattr(Objects, "_from_file", lambda *_: None)
    monkeypatch.setattr(segment_blocks, "BLOCK_BYTES", block_bytes)
    left = {name: text for name, text in (FIRST | SECOND).items() if name not in ("a1", "b4")}
    require(ReadFeatures(store.uri), left, store)


def test_damage_ends_the_pipeline_and_is_named(store: Catalogue, tmp_path: Path) -> None:
    transform = ReadFeatures(store.uri)
    for path in filter(Path.is_file, (tmp_path / "store").glob("segments/*/*/features/c/**/*")):
        zero(path)
    with pytest.raises(StoreError, match=r"features.*damaged"), beam.Pipeline() as pipeline:
        _ = pipeline | transform


def test_there_is_no_pipeline_without_a_store(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such directory"):
        ReadFeatures(tmp_path / "none")


def test_a_runner_is_told_what_is_read(store: Catalogue) -> None:
    items = DisplayData.create_from(ReadFeatures(store.uri)).items
    assert {item.key: item.value for item in items} == {
        "store": store.uri,
        "snapshot": 2,
        "features": "tiny mean:4 tokens sign",
        "documents": 13,
    }
    assert ReadFeatures(store.uri).get_type_hints().simple_output_type("") is FeatureBlock
