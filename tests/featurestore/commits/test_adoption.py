"""A job adopts a segment of an earlier attempt only if every byte of it is as it was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from encore.featurestore import Catalogue, StoreError
from encore.featurestore.format import seal
from encore.featurestore.format.tombstones import retire
from encore.featurestore.segments.records import SegmentRecord, attempt_path, record_path
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import change_to, expected, held, put, spec_of, write

TEXTS = {f"doc-{i}": f"text {i}" for i in range(6)}
Damage = Callable[[bytes], bytes | None]
DAMAGES: dict[str, Damage] = {
    "zeros": lambda data: bytes(len(data)),
    "one bit": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "cut": lambda data: data[:-1],
    "longer": lambda data: data + b"x",
    "empty": lambda _: b"",
    "gone": lambda _: None,
}


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Catalogue:
    root = str(tmp_path) if request.param == "local" else str(request.getfixturevalue("s3_bucket"))
    return Catalogue.create(f"{root}/store", spec_of())


def damage(objects: Objects, path: str, how: str) -> None:
    data = DAMAGES[how](objects.get(path))
    if data is None:
        objects.delete([path])
    else:
        objects.put(path, data)


def objects_of(record: SegmentRecord) -> list[str]:
    return [f"{attempt_path(record.segment, record.attempt)}/{stored.path}" for stored in record.objects]


def test_a_finished_segment_is_taken_over(store: Catalogue) -> None:
    record = write(store, TEXTS)
    assert put(store, TEXTS).entries[0].attempt == record.attempt


@pytest.mark.parametrize("how", DAMAGES)
def test_one_with_a_damaged_object_is_made_again_under_another_name(store: Catalogue, how: str) -> None:
    record = write(store, TEXTS)
    for number, path in enumerate(objects_of(record)):
        sound = store.objects.get(path)
        damage(store.objects, path, how)
        again = change_to(store, TEXTS).added[0]
        assert again.segment != record.segment, (number, path)
        store.objects.put(path, sound)
        assert change_to(store, TEXTS).added[0].segment == record.segment
    damage(store.objects, objects_of(record)[0], how)
    after = put(store, TEXTS)
    assert record.segment not in after.listed
    assert held(after) == expected(TEXTS, store.spec)
    assert verify(Objects.open(store.uri), deep=True).findings == ()


@pytest.mark.parametrize("how", [how for how in DAMAGES if how != "gone"])
def test_one_whose_record_is_damaged_was_never_finished(store: Catalogue, how: str) -> None:
    """A crash of the machine leaves such a record where nothing was synced. No later job stumbles over it."""
    record = write(store, TEXTS)
    damage(store.objects, record_path(record.segment), how)
    after = put(store, TEXTS)
    assert record.segment not in after.listed
    assert held(after) == expected(TEXTS, store.spec)
    assert verify(Objects.open(store.uri), deep=True).findings == ()


def test_a_name_that_is_listed_with_its_documents_deleted_is_used_up(store: Catalogue) -> None:
    """The listed name follows from a retired one, and the documents alone lead to the retired name."""
    retire(store.objects, record_path(write(store, TEXTS).segment))
    gone = put(put(store, TEXTS), {}, prune=frozenset(TEXTS))
    assert held(put(gone, TEXTS)) == expected(TEXTS, store.spec)


def test_a_record_of_another_segment_is_none(store: Catalogue) -> None:
    record, other = write(store, TEXTS), write(store, {"a": "1"})
    store.objects.put(record_path(record.segment), store.objects.get(record_path(other.segment)))
    assert held(put(store, TEXTS)) == expected(TEXTS, store.spec)


def test_a_record_of_a_newer_format_is_not_passed_over(store: Catalogue) -> None:
    record = write(store, TEXTS)
    path = record_path(record.segment)
    document = {**json.loads(store.objects.get(path)), "format_version": 3}
    del document["checksum"]
    store.objects.put(path, seal(document))
    with pytest.raises(StoreError, match="upgrade Encore"):
        change_to(store, TEXTS)


def test_a_damaged_digit_is_no_newer_format(store: Catalogue) -> None:
    record = write(store, TEXTS)
    path = record_path(record.segment)
    store.objects.put(path, store.objects.get(path).replace(b'"format_version": 1', b'"format_version": 3'))
    assert record.segment not in put(store, TEXTS).listed
