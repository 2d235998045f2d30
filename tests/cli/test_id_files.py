"""Ids come from any table that encode reads, or from lines, compressed or not, each exactly as it is."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import pytest

from encore.cli.id_files import read_ids
from encore.featurestore import DataError, UsageError
from encore.tablefiles import TextOptions

IDS = ["007", "7", "9223372036854775808", "é"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("i.txt", "\ufeff007\r\n7\r\n\r\n9223372036854775808\r\né"),
        ("i.csv", "why,doc_id\nx,007\nx,7\nx,\nx,9223372036854775808\nx,é\n"),
        ("i.tsv", "doc_id\twhy\n007\tx\n7\tx\n9223372036854775808\tx\né\tx\n"),
        (
            "i.jsonl",
            '{"doc_id":"007","k":1}\n{"doc_id":7,"k":"a"}\n{"doc_id":9223372036854775808,"k":[]}\n{"doc_id":"é"}',
        ),
        ("i.json", '[{"doc_id":"007"},{"doc_id":7},{"doc_id":null},{"doc_id":9223372036854775808},{"doc_id":"é"}]'),
    ],
)
def test_every_kind_of_file_gives_the_same_ids(tmp_path: Path, name: str, data: str) -> None:
    for ending, pack in (("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress)):
        (tmp_path / f"{name}{ending}").write_bytes(pack(data.encode()))
        assert read_ids(str(tmp_path / f"{name}{ending}"), "doc_id").to_pylist() == IDS
    (tmp_path / name).write_bytes(data.removeprefix("\ufeff").encode("utf-16"))
    assert read_ids(str(tmp_path / name), "doc_id", TextOptions(encoding="utf-16")).to_pylist() == IDS


def test_folders_and_globs_stand_for_the_tables_in_them(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(f"doc_id\n{name}\n")
    for words in (tmp_path, tmp_path / "*.csv"):
        assert read_ids(str(words), "doc_id").to_pylist() == ["a.csv", "b.csv"]


def test_a_row_that_cannot_be_read_is_an_error_and_deletes_nothing(tmp_path: Path) -> None:
    (tmp_path / "i.csv").write_text('doc_id,why\n1,"a \\"b\\""\n')
    with pytest.raises(DataError, match=r"i\.csv: row 0 cannot be read: CSV row in doubt"):
        read_ids(str(tmp_path / "i.csv"), "why")
    (tmp_path / "i.txt.gz").write_bytes(gzip.compress(b"1\n")[:-3])
    with pytest.raises(DataError, match=r"i\.txt\.gz: cannot be unpacked as gzip"):
        read_ids(str(tmp_path / "i.txt.gz"), "doc_id")
    (tmp_path / "i.doc").write_text("1\n")
    with pytest.raises(UsageError, match=r"i\.doc: unknown ending; files of ids end in \.txt, \.parquet"):
        read_ids(str(tmp_path / "i.doc"), "doc_id")
