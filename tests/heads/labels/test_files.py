"""Label files of every format say the same, and wrong ones say why."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.featurestore import DataError, UsageError
from encore.featurestore.storage.objects import Objects
from encore.heads import Labels, read_labels
from encore.tablefiles import TextOptions, tables

CSV = "doc_id,label\n007,NA\n8,yes\n"
JSON_LINES = '{"doc_id": "007", "label": "NA"}\n{"doc_id": "8", "label": "yes", "note": [1]}\n'


def pairs(labels: Labels) -> tuple[list[str], list[str]]:
    return labels.doc_ids.to_pylist(), labels.labels.to_pylist()


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


def test_a_folder_of_label_files_is_read_and_one_without_any_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    with pytest.raises(UsageError, match="labels: no file to read below this directory"):
        read_labels(folder)
    (folder / "a.csv").write_text("doc_id,label\n1,x\n")
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(b'{"doc_id": 2, "label": "y"}\n'))
    (folder / "c.csv").write_bytes(b"")
    assert dict(zip(*pairs(read_labels(folder)), strict=True)) == {"1": "x", "2": "y"}
    assert len(read_labels(f"{folder}/*.csv")) == 1


@pytest.mark.parametrize("name", ["l.arrow", "l.ipc", "l.parquet", "l.csv", "l.csv.gz", "l.jsonl.gz"])
def test_a_file_without_rows_beside_others_holds_no_labels(tmp_path: Path, name: str) -> None:
    none = pa.table({"doc_id": pa.array([], pa.string()), "label": pa.array([], pa.string())})
    (tmp_path / "a.csv").write_text(CSV)
    path = tmp_path / name
    if name == "l.parquet":
        pq.write_table(none, path)
    elif name in ("l.arrow", "l.ipc"):
        new = pa.ipc.new_file if name == "l.arrow" else pa.ipc.new_stream
        with new(str(path), none.schema) as file:
            file.write_table(none)
    else:
        path.write_bytes(gzip.compress(b"") if name.endswith("gz") else b"\n\n")
    assert pairs(read_labels(tmp_path)) == (["007", "8"], ["NA", "yes"])


def test_an_unknown_ending_lists_those_that_are_read(tmp_path: Path) -> None:
    (tmp_path / "l.xlsx").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"l\.xlsx: unknown ending; files end in \.parquet, \.pq, .*\.jsonl"):
        read_labels(tmp_path / "l.xlsx")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("l.parquet", b"doc_id,label\n", "not a Parquet file"),
        ("l.parquet", b"", "is empty: 0 bytes"),
        ("l.csv", b"", "is empty: 0 bytes"),
        ("l.jsonl", b"doc_id,label\na,x\n", "not JSON Lines"),
        ("l.csv", b"PAR1\x00\x01", "is a Parquet file"),
        ("l.csv", b"doc_id,topic\na,x\n", "no column label; columns there: doc_id, topic"),
        ("l.csv", b"doc_id;label\na;x\n", "say --csv-delimiter ';'"),
        ("l.csv", "doc_id,label\na,x\n".encode("utf-16"), "is UTF-16; say --encoding utf-16"),
        ("l.jsonl", b'{"doc_id": "a", "topic": "x"}', "no column label; columns there: doc_id, topic"),
    ],
)
def test_a_file_that_is_not_what_its_ending_says_is_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_labels(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "l.csv",
            b"doc_id,label\na,x\nb\nc\n",
            "row 1 cannot be read: malformed CSV row: 1 cells, expected 2; 1 rows near it",
        ),
        ("l.csv", b"doc_id,label\na,\xff\n", "row 0 cannot be read: column label is invalid UTF-8"),
        (
            "l.csv",
            b'doc_id,label\na,"x \\"y\\""\n',
            "row 0 cannot be read: CSV row in doubt: a backslash may escape; say --csv-e",
        ),
        ("l.jsonl", b'{"doc_id": "a", "label": "x"}\n\n{"doc_id": "b"\n', "row 2 cannot be read: malformed JSON line"),
        ("l.jsonl", b'{"doc_id": "a", "label": {"x": 1}}', "row 0 cannot be read: label is an object"),
        ("l.jsonl", b'{"doc_id": "a", "label": 1.5}', "row 0 cannot be read: label is a number"),
        ("l.jsonl", b'{"doc_id": true, "label": "x"}', "row 0 cannot be read: id is a boolean"),
        ("l.json", b'[{"doc_id": "a", "label": "x"}', "its JSON array is not closed: the file is cut short"),
        ("l.csv.gz", gzip.compress(b"doc_id,label\na,x\n")[:-2], "cannot be unpacked as gzip"),
    ],
)
def test_a_row_that_is_a_dead_letter_in_a_corpus_is_an_error_that_names_it(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_labels(tmp_path / name)


def test_the_rules_of_a_corpus_hold_for_labels(tmp_path: Path) -> None:
    rows = [
        '{"doc_id": 9223372036854775808, "label": true, "note": 1}',
        '{"doc_id": "007", "label": 3, "note": "x"}',
        '{"doc_id": 7, "label": "", "note": [2]}',
        '{"doc_id": "b", "label": "old", "label": "new"}',
        '{"doc_id": "c", "label": null}',
    ]
    for name, text in [("l.jsonl", "\n".join(rows)), ("l.json", f"[{', '.join(rows)}]")]:
        (tmp_path / name).write_text(text)
        labels = read_labels(tmp_path / name)
        assert pairs(labels) == (["9223372036854775808", "007", "b"], ["true", "3", "new"])
        assert labels.blank == 2


@pytest.mark.parametrize("name", ["l.csv", "l.jsonl", "l.parquet", "l.arrow"])
def test_labels_of_every_format_are_in_their_normal_form_and_ids_are_not(tmp_path: Path, name: str) -> None:
    ids, labels = ["a ", "b"], [" cafe\u0301", "x\t"]
    table = pa.table({"doc_id": ids, "label": labels})
    if name == "l.parquet":
        pq.write_table(table, tmp_path / name)
    elif name == "l.arrow":
        with pa.ipc.new_file(str(tmp_path / name), table.schema) as file:
            file.write_table(table)
    elif name == "l.csv":
        (tmp_path / name).write_text(
            "".join(f"{a},{b}\n" for a, b in [("doc_id", "label"), *zip(ids, labels, strict=True)])
        )
    else:
        (tmp_path / name).write_text("\n".join(map(json.dumps, table.to_pylist())))
    assert pairs(read_labels(tmp_path / name)) == (ids, ["caf\u00e9", "x"])


def test_booleans_and_large_integers_of_parquet_are_text(tmp_path: Path) -> None:
    ids = pa.array([2**64 - 1, 1], pa.uint64())
    pq.write_table(pa.table({"doc_id": ids, "label": [True, False]}), tmp_path / "l.parquet", row_group_size=1)
    assert pairs(read_labels(tmp_path / "l.parquet")) == (["18446744073709551615", "1"], ["true", "false"])


def test_whole_numbers_with_a_fraction_as_pandas_writes_them_are_refused_with_what_to_do(tmp_path: Path) -> None:
    pq.write_table(pa.table({"doc_id": ["a", "b"], "label": [1.0, None]}), tmp_path / "l.parquet")
    with pytest.raises(
        UsageError, match="column label holds double, expected text or integers; cast whole numbers to i"
    ):
        read_labels(tmp_path / "l.parquet")


def test_long_cells_and_many_rows_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "PART_ROWS", 3)
    lines = [f"{number},{'z' * (3 << 20) if number == 2 else 'z'},l{number % 2}" for number in range(20)]
    (tmp_path / "l.csv").write_text("\n".join(["doc_id,text,label", *lines]))
    assert pairs(read_labels(tmp_path / "l.csv")) == ([str(n) for n in range(20)], [f"l{n % 2}" for n in range(20)])


def test_labels_in_other_encodings_and_dialects_are_read_with_the_options_that_say_so(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_bytes('sep=;\r\ndoc_id;label\r\n1;"caf\xe9 \\"q\\""\r\n'.encode("cp1252"))
    options = TextOptions(encoding="windows-1252", delimiter=";", escape="\\")
    assert pairs(read_labels(tmp_path / "l.csv", options=options)) == (["1"], ['café "q"'])


def test_a_parquet_file_without_the_column_lists_all_it_has(tmp_path: Path) -> None:
    write_parquet(tmp_path / "l.parquet")
    with pytest.raises(UsageError, match="no column topic; columns there: text, doc_id, label"):
        read_labels(tmp_path / "l.parquet", label_column="topic")
