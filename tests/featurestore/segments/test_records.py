"""Completion records say where a compacted segment came from, and the others are the bytes that they always were."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from encore.featurestore import StoreError
from encore.featurestore.segments.records import SegmentRecord

RECORD = SegmentRecord("ab" * 16, "cd" * 16, "ef" * 32, 1, 2, 3, 4, 0, 0, 16, 100, ())


def test_a_record_without_sources_does_not_speak_of_them() -> None:
    assert "sources" not in json.loads(RECORD.to_bytes())
    assert RECORD.checksum == "ac27494d11b184b72472341367e35e16b3ab21616533fd378b407bb907e8692b"
    assert SegmentRecord.from_bytes(RECORD.to_bytes(), "record") == RECORD


def test_sources_are_read_back() -> None:
    compacted = replace(RECORD, sources=(("11" * 16, None), ("22" * 16, "33" * 16)))
    assert json.loads(compacted.to_bytes())["sources"] == [["11" * 16, None], ["22" * 16, "33" * 16]]
    assert SegmentRecord.from_bytes(compacted.to_bytes(), "record") == compacted
    assert compacted.checksum != RECORD.checksum


@pytest.mark.parametrize("sources", ["one", [["one"]], [1], {"one": 2, "x": 3}])
def test_sources_of_another_form_are_damage(sources: object) -> None:
    document = json.loads(RECORD.to_bytes()) | {"sources": sources}
    with pytest.raises(StoreError, match=r"record: (not a completion record|damaged)"):
        SegmentRecord.from_bytes(json.dumps(document, sort_keys=True, indent=1).encode(), "record")
