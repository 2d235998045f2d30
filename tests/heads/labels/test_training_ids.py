"""What a head keeps of the ids that trained it."""

from __future__ import annotations

import base64
from typing import Any

import pyarrow as pa
import pytest

from encore.heads.labels.training_ids import TrainingIds

SALT, OTHER = "ab" * 32, "cd" * 32


def ids(count: int, first: int = 0) -> pa.Array:
    return pa.array([f"é{number}" for number in range(first, first + count)])


def test_ids_are_known_again_and_others_are_not() -> None:
    trained = TrainingIds.of(ids(1000), SALT)
    assert trained.count(ids(1000, first=400)) == 600
    assert trained.count(pa.chunked_array([ids(10), ids(5, first=5000)])) == 10
    assert trained.count(pa.array([], pa.string())) == 0


def test_they_travel_in_a_document_in_any_order_of_ids() -> None:
    trained = TrainingIds.of(ids(100), SALT)
    text = trained.to_text()
    assert text == TrainingIds.of(pa.array(ids(100).to_pylist()[::-1]), SALT).to_text()
    read = TrainingIds.from_document({"digest": SALT, "trained_on": text})
    assert read is not None
    assert len(read) == 100
    assert read.count(ids(200)) == 100
    assert read.to_text() == text


def test_the_same_ids_look_different_in_every_head() -> None:
    size = len(base64.b64decode(TrainingIds.of(ids(1), SALT).to_text()))
    parts = [
        {data[at : at + size] for at in range(0, len(data), size)}
        for data in (base64.b64decode(TrainingIds.of(ids(50), salt).to_text()) for salt in (SALT, OTHER))
    ]
    assert [len(part) for part in parts] == [50, 50]
    assert not parts[0] & parts[1]


def test_a_hundred_thousand_take_less_than_a_megabyte() -> None:
    assert len(TrainingIds.of(ids(100_000), SALT).to_text()) <= 1_000_000


def test_a_head_that_does_not_say_has_none() -> None:
    assert TrainingIds.from_document({"digest": SALT}) is None


@pytest.mark.parametrize(
    "document",
    [
        {"digest": SALT, "trained_on": "AAAA"},
        {"digest": SALT, "trained_on": "no base64!"},
        {"digest": SALT, "trained_on": 7},
        {"digest": SALT, "trained_on": ["AAAAAAAA"]},
        {"digest": "abc", "trained_on": "AAAAAAAA"},
        {"digest": "ab", "trained_on": "AAAAAAAA"},
        {"digest": None, "trained_on": "AAAAAAAA"},
        {"trained_on": "AAAAAAAA"},
    ],
)
def test_what_no_head_says_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        TrainingIds.from_document(document)
