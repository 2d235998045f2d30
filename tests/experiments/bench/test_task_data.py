from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from encore.experiments.bench.task_data import read_task
from encore.experiments.bench.task_registry import Task
from encore.featurestore import DataError, UsageError


def rows(count: int, start: int = 0) -> dict[str, list[Any]]:
    numbers = range(start, start + count)
    return {
        "doc_id": [f"d{n}" for n in numbers],
        "text": [f"text {n}" for n in numbers],
        "label": ["even" if n % 2 == 0 else "odd" for n in numbers],
    }


def task_of(folder: Path, train: dict[str, list[Any]], dev: dict[str, list[Any]], **more: Any) -> Task:
    pq.write_table(pa.table(train), folder / "train.parquet")
    pq.write_table(pa.table(dev), folder / "dev.parquet")
    return Task("parity", "X", str(folder / "train.parquet"), str(folder / "dev.parquet"), "Parity", **more)


def test_documents_keep_their_texts_and_labels_and_parts_share_no_id(tmp_path: Path) -> None:
    data = read_task(task_of(tmp_path, rows(20), rows(10)))
    found = {row["doc_id"]: (row["text"], row["label"]) for row in data.train.table.to_pylist()}
    assert found == {f"train:d{n}": (f"text {n}", "even" if n % 2 == 0 else "odd") for n in range(20)}
    assert set(data.dev.table["doc_id"].to_pylist()) == {f"dev:d{n}" for n in range(10)}
    assert data.classes == ("even", "odd")
    assert [data.classes[code] for code in data.dev.codes(data.classes)] == data.dev.table["label"].to_pylist()


def test_labels_of_both_parts_are_in_their_normal_form_and_integers_in_their_order(tmp_path: Path) -> None:
    train = {**rows(12), "label": [f"{n} " for n in range(1, 13)]}
    data = read_task(task_of(tmp_path, train, {**rows(2), "label": [" 12", "2\n"]}))
    assert data.classes == tuple(map(str, range(1, 13)))
    assert sorted(data.dev.codes(data.classes).tolist()) == [1, 11]
    spaced, plain = (tmp_path / name for name in ("spaced", "plain"))
    for folder, label in ((spaced, "even "), (plain, "even")):
        folder.mkdir()
        other = {**rows(4), "label": [label, "odd", label, "odd"]}
        task_of(folder, other, other)
    digests = {
        read_task(Task("t", "X", str(at / "train.parquet"), str(at / "dev.parquet"), "T")).digest
        for at in (spaced, plain)
    }
    assert len(digests) == 1


def test_near_twins_of_a_task_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    twins = {**rows(4), "label": ["Even", "even", "odd", "odd"]}
    read_task(task_of(tmp_path, twins, rows(4)))
    assert "train.parquet: classes that are nearly the same: Even ~ even" in caplog.text


def test_a_smaller_part_is_a_subset_that_does_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    turned = {name: values[::-1] for name, values in rows(50).items()}
    first = read_task(task_of(tmp_path / "a", rows(50), rows(9)), 10, 4)
    second = read_task(task_of(tmp_path / "b", turned, rows(9)), 10, 4)
    whole = read_task(task_of(tmp_path / "a", rows(50), rows(9)))
    assert (len(first.train), len(first.dev)) == (10, 4)
    assert first.train.table.equals(second.train.table)
    assert first.digest == second.digest
    assert set(first.train.table["doc_id"].to_pylist()) < set(whole.train.table["doc_id"].to_pylist())
    assert whole.digest != first.digest


def test_the_digest_follows_every_text_pair_label_and_id(tmp_path: Path) -> None:
    pairs = {**rows(8), "other": [f"other {n}" for n in range(8)]}
    original = read_task(task_of(tmp_path, pairs, pairs, pair_column="other")).digest
    for column in pairs:
        changed = {**pairs, column: [*pairs[column][:-1], "even" if column == "label" else "changed"]}
        assert read_task(task_of(tmp_path, changed, pairs, pair_column="other")).digest != original
        assert read_task(task_of(tmp_path, pairs, changed, pair_column="other")).digest != original


def test_an_empty_second_text_is_a_single_text(tmp_path: Path) -> None:
    for part in ("train", "dev"):
        table = pa.table({**rows(4), "other": ["", "b", "", "d"]})
        pyarrow.csv.write_csv(table, tmp_path / f"{part}.csv")
    task = Task("t", "X", str(tmp_path / "train.csv"), str(tmp_path / "dev.csv"), "T", pair_column="other")
    table = read_task(task).train.table.sort_by("doc_id")
    assert table["text_pair"].to_pylist() == [None, "b", None, "d"]
    assert read_task(task).train.documents.table["pair"].null_count == 2


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("text", ["a", None, "c", "d"], "1 row without a text, row 1 is the first"),
        ("text", ["a", "b", "  ", ""], "2 rows without a text, row 2 is the first"),
        ("label", ["even", "odd", "even", None], "1 row without a label"),
        ("doc_id", ["a", "b", None, "d"], "1 row without a doc_id"),
        ("doc_id", ["a", "b", "b", "d"], r"ids occur more than once \(b\)"),
        ("label", ["same"] * 4, "every training document is 'same'; a task needs two classes"),
        ("label", ["x", "y", "x", "y"], "dev classes even, odd have no training document; label some"),
        (
            "label",
            ["Even", "odd", "Even", "odd"],
            r"even have no training document \(written otherwise: even ~ Even\);",
        ),
    ],
)
def test_rows_that_cannot_be_used_are_refused(
    tmp_path: Path, column: str, values: list[str | None], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_task(task_of(tmp_path, {**rows(4), column: values}, rows(4)))


def test_a_missing_column_a_missing_file_and_no_rows_are_named(tmp_path: Path) -> None:
    task = task_of(tmp_path, rows(4), rows(4), label_column="mood")
    with pytest.raises(UsageError, match="no column mood"):
        read_task(task)
    with pytest.raises(UsageError, match="no such file"):
        read_task(Task("t", "X", str(tmp_path / "none.parquet"), task.dev, "T"))
    with pytest.raises(UsageError, match="train rows 0: expected at least 1"):
        read_task(task_of(tmp_path, rows(4), rows(4)), train_rows=0)
    empty = pa.schema([("doc_id", pa.string()), ("text", pa.string()), ("label", pa.string())]).empty_table()
    pq.write_table(empty, tmp_path / "dev.parquet")
    with pytest.raises(DataError, match="holds no rows"):
        read_task(Task("t", "X", str(tmp_path / "train.parquet"), str(tmp_path / "dev.parquet"), "T"))
