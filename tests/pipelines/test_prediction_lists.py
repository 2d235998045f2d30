"""Lists of prediction files name only files of their own head and segment, below the folder."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from pipelines.predictions import FILE_SCHEMA, file_problem

SEGMENT, HEAD = "0123456789abcdef" * 2, "topic@0123456789ab"
ROW = {
    "head": HEAD,
    "segment": SEGMENT,
    "deletions": None,
    "path": f"head={HEAD}/{SEGMENT}-all.parquet",
    "documents": 3,
    "bytes": 100,
    "snapshot": 1,
    "fingerprint": "ab" * 32,
}


def rows(**change: Any) -> pa.Table:
    return pa.Table.from_pylist([ROW, ROW | change], schema=FILE_SCHEMA)


def test_files_as_they_are_written_are_sound() -> None:
    assert file_problem(rows()) is None
    assert file_problem(rows(deletions=SEGMENT, path=f"head={HEAD}/{SEGMENT}-{SEGMENT}.parquet")) is None
    assert file_problem(FILE_SCHEMA.empty_table()) is None


@pytest.mark.parametrize(
    "change",
    [
        {"path": "../../thesis.parquet"},
        {"path": f"head={HEAD}/../{SEGMENT}-all.parquet"},
        {"path": f"head={HEAD}/{SEGMENT}-../../x.parquet"},
        {"path": f"/head={HEAD}/{SEGMENT}-all.parquet"},
        {"path": f"head={HEAD}/{SEGMENT}-all.parquet\n"},
        {"path": f"head={HEAD}/{'f' * 32}-all.parquet"},
        {"path": f"head=other@0123456789ab/{SEGMENT}-all.parquet"},
        {"path": "predictions.json"},
        {"head": "../x@0123456789ab"},
        {"segment": "x"},
        {"deletions": "../x"},
        {"documents": -1},
        {"bytes": -1},
        {"snapshot": -1},
    ],
    ids=str,
)
def test_other_names_and_numbers_are_a_problem(change: dict[str, Any]) -> None:
    assert file_problem(rows(**change)) is not None
