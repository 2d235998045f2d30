"""A sealed document reads back, and no changed byte of it does."""

from __future__ import annotations

import json

import pytest

from encore.featurestore import StoreError
from encore.featurestore.format.seals import seal, unseal

DOCUMENT = {"format_version": 1, "name": "zwölf", "numbers": [0.1, 1e-30, 3], "nothing": None}


def test_what_was_sealed_is_opened() -> None:
    data = seal(DOCUMENT)
    assert unseal(json.loads(data), data, "x.json") == DOCUMENT
    assert len(json.loads(data)["checksum"]) == 64


def test_every_flipped_byte_is_seen() -> None:
    data = seal(DOCUMENT)
    for at in range(len(data)):
        for mask in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            flipped = data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
            try:
                document = json.loads(flipped)
            except ValueError:
                continue
            with pytest.raises(StoreError, match=r"x\.json: damaged: its bytes do not match the checksum in it"):
                unseal(document, flipped, "x.json")


@pytest.mark.parametrize(
    "change", [lambda d: d + b" ", lambda d: d.replace(b" 3", b"3"), lambda d: d.replace(b"\n", b"")]
)
def test_the_same_document_in_other_bytes_is_not_the_one_that_was_sealed(change: object) -> None:
    data = seal(DOCUMENT)
    other = change(data)  # type: ignore[operator]
    assert json.loads(other) == json.loads(data)
    with pytest.raises(StoreError, match="do not match the checksum"):
        unseal(json.loads(other), other, "x.json")


def test_a_document_without_a_checksum_is_damaged() -> None:
    with pytest.raises(StoreError, match="do not match the checksum"):
        unseal(DOCUMENT, json.dumps(DOCUMENT, indent=1).encode(), "x.json")
