from __future__ import annotations

from pathlib import Path

import pytest

from encore.experiments.tradeoff.measurement.labels import LabelFiles, read_tasks
from encore.featurestore import Catalogue, UsageError
from tests.experiments.tradeoff.building import rich_store


@pytest.mark.parametrize(
    ("text", "train", "dev"),
    [
        ("t=a.parquet", "a.parquet", None),
        ("t=a.parquet:b.csv", "a.parquet", "b.csv"),
        ("t=s3://bucket/a.parquet", "s3://bucket/a.parquet", None),
        ("t=s3://bucket/a.parquet:gs://other/b.jsonl", "s3://bucket/a.parquet", "gs://other/b.jsonl"),
        ("t=C:\\data\\a.PARQUET:D:\\b.pq", "C:\\data\\a.PARQUET", "D:\\b.pq"),
        ("t=day=1/a.csv:day=2/b.csv", "day=1/a.csv", "day=2/b.csv"),
        ("t=12:30/a.csv", "12:30/a.csv", None),
        ("t=a.txt", "a.txt", None),
    ],
)
def test_the_colon_between_two_files_is_the_one_after_an_ending(text: str, train: str, dev: str | None) -> None:
    assert LabelFiles.parse(text) == LabelFiles("t", train, dev)
    assert str(LabelFiles.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.parquet", "expected TASK=TRAIN"),
        ("=a.parquet", "expected TASK=TRAIN"),
        ("t=", "expected TASK=TRAIN"),
        ("t=a.csv:", "no file after the colon"),
        ("t=a.csv:b.csv:c.csv", "more than two files"),
    ],
)
def test_what_names_no_files_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        LabelFiles.parse(text)


def test_labels_are_read_in_their_normal_form_and_classes_without_a_dev_document_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Catalogue.open(str(rich_store(tmp_path) / "rich"))
    values = ["10 ", "2", " 10", "2", "1", "1"] * 3
    for part, ids, chosen in (("a", range(18), values), ("b", range(20, 24), ["2 ", "10", "2", "10"])):
        rows = "".join(f"d{at},{value}\n" for at, value in zip(ids, chosen, strict=True))
        (tmp_path / f"{part}.csv").write_text(f"doc_id,label\n{rows}")
    (task,) = read_tasks([LabelFiles("t", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"))], store)
    assert task.classes == ("1", "2", "10")
    assert "dev has no document of 1 class: 1 (6)" in caplog.text
