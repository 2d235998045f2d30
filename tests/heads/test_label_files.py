"""Label files of every format say the same, and wrong ones say why."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featurestore import UsageError
from featurestore.objects import Objects
from heads import read_labels

CSV = "doc_id,label\n007,NA\n8,yes\n"
JSON_LINES = '{"doc_id": "007", "label": "NA"}\n{"doc_id": "8", "label": "yes", "note": [1]}\n'


def write_parquet(path: Path) -> None:
    pq.write_table(pa.table({"text": ["…", "…"], "doc_id": ["007", "8"], "label": ["NA", "yes"]}), path)


@pytest.mark.parametrize("name", ["l.csv", "l.CSV", "l.jsonl", "l.ndjson", "l.json", "l.parquet", "l.pq"])
def test_every_format_gives_the_same_labels(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith(("parquet", "pq")):
        write_parquet(path)
    else:
        path.write_text(CSV if name.lower().endswith("csv") else JSON_LINES)
    labels = read_labels(path)
    assert labels.doc_ids.to_pylist() == ["007", "8"]
    assert labels.labels.to_pylist() == ["NA", "yes"]
    assert labels.source == str(path)


def test_columns_may_bear_other_names(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("id;x,topic\n1,a\n2,b\n")
    labels = read_labels(path, "id;x", "topic")
    assert labels.doc_ids.to_pylist() == ["1", "2"]


def test_empty_cells_are_no_labels(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text('doc_id,label\na,x\nb,\nc,""\n,y\n')
    labels = read_labels(path)
    assert labels.doc_ids.to_pylist() == ["a"]
    assert labels.blank == 3


def test_json_numbers_are_decimal_text_and_dates_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    path.write_text('{"doc_id": 7, "label": "2020-01-02"}\n{"doc_id": 8, "label": "2021-01-02"}\n')
    labels = read_labels(path)
    assert labels.doc_ids.to_pylist() == ["7", "8"]
    assert labels.labels.to_pylist() == ["2020-01-02", "2021-01-02"]


def test_one_long_json_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    path.write_text('{"doc_id": "a", "label": "x", "text": "' + "y" * (3 << 20) + '"}\n{"doc_id": "b", "label": "z"}')
    assert len(read_labels(path)) == 2


def test_labels_are_read_from_object_storage(s3_bucket: str) -> None:
    Objects.open(s3_bucket).put("task/l.csv", CSV.encode())
    assert read_labels(f"{s3_bucket}/task/l.csv").labels.to_pylist() == ["NA", "yes"]


@pytest.mark.parametrize("name", ["no/l.csv", "l.parquet"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=name.replace(".", r"\.") + "|no: no such directory"):
        read_labels(tmp_path / name)


def test_a_folder_is_no_label_file(tmp_path: Path) -> None:
    (tmp_path / "l.csv").mkdir()
    with pytest.raises(UsageError, match="is a directory, expected a file"):
        read_labels(tmp_path / "l.csv")


def test_an_unknown_ending_lists_those_that_are_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"l\.xlsx: unknown ending; label files end in \.parquet, \.pq, \.jsonl"):
        read_labels(tmp_path / "l.xlsx")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("l.parquet", b"doc_id,label\n", "cannot be read as parquet"),
        ("l.parquet", b"", "cannot be read as parquet"),
        ("l.jsonl", b"doc_id,label\na,x\n", "cannot be read as jsonl"),
        ("l.jsonl", b'{"doc_id": "a", "label": "x"}\n{"doc_id": 7, "label": "x"}\n', "cannot be read as jsonl"),
        ("l.csv", b"", "cannot be read as csv"),
        ("l.csv", b"doc_id,label\na,x\nb\n", "cannot be read as csv"),
        ("l.csv", b"doc_id,label\na,\xff\n", "cannot be read as csv"),
        ("l.csv", b"PAR1\x00\x01", "is a Parquet file"),
        ("l.jsonl", b"", "no column doc_id; columns there: none"),
        ("l.csv", b"doc_id,topic\na,x\n", "no column label; columns there: doc_id, topic"),
        ("l.jsonl", b'{"doc_id": "a", "topic": "x"}', "no column label; columns there: doc_id, topic"),
        ("l.jsonl", b'{"doc_id": "a", "label": {"x": 1}}', "column label holds struct"),
    ],
)
def test_a_file_that_is_not_what_its_ending_says_is_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_labels(tmp_path / name)


def test_a_parquet_file_without_the_column_lists_all_it_has(tmp_path: Path) -> None:
    write_parquet(tmp_path / "l.parquet")
    with pytest.raises(UsageError, match="no column topic; columns there: text, doc_id, label"):
        read_labels(tmp_path / "l.parquet", label_column="topic")
