from __future__ import annotations

import pytest

from encore.featurestore.errors import UsageError
from encore.pipelines.corpus import CorpusColumns
from encore.tablefiles.partitions import partitions_of
from tests.pipelines.corpus.corpora import read_all, write_lines, write_parquet

ROWS = [{"doc_id": f"{i}", "text": f"text {i}"} for i in range(5)]


def test_columns_are_read_off_the_names_of_folders():
    assert partitions_of("/data/a=b=c/x/%C3%A9t%C3%A9=1%2F2/=nothing/n=__HIVE_DEFAULT_PARTITION__") == (
        ("a", "b=c"),
        ("été", "1/2"),
        ("n", None),
    )
    assert partitions_of("/data/plain") == ()


def kept(folder, *names):
    documents, letters = read_all(folder, columns=CorpusColumns(keep=names), unit_rows=2)
    assert not letters
    return {document["doc_id"]: tuple(document[name] for name in names) for document in documents}


def test_folders_are_columns_of_every_format(tmp_path):
    for number, section in enumerate(("sport", "__HIVE_DEFAULT_PARTITION__", "film")):
        (tmp_path / f"section={section}").mkdir()
        rows = [{**row, "doc_id": f"{number}-{row['doc_id']}", "score": "1.10"} for row in ROWS]
        if number == 0:
            write_parquet(tmp_path / f"section={section}/p.parquet", rows)
        elif number == 1:
            write_lines(tmp_path / f"section={section}/l.jsonl", *rows)
        else:
            lines = "".join(f"{row['doc_id']},{row['text']},{row['score']}\n" for row in rows)
            (tmp_path / f"section={section}/c.csv").write_text("doc_id,text,score\n" + lines)
    found = kept(tmp_path, "section", "score")
    assert len(found) == 15
    assert {doc_id[0]: values for doc_id, values in found.items()} == {
        "0": ("sport", "1.10"),
        "1": (None, "1.10"),
        "2": ("film", "1.10"),
    }
    assert set(kept(tmp_path, "section").values()) == {("sport",), (None,), ("film",)}


def test_a_folder_is_believed_before_a_column_of_its_name(tmp_path):
    (tmp_path / "section=sport").mkdir()
    write_lines(tmp_path / "section=sport/l.jsonl", *({**row, "section": "film"} for row in ROWS))
    assert set(kept(tmp_path, "section").values()) == {("sport",)}


def test_a_folder_can_hold_the_text_but_never_the_ids(tmp_path):
    (tmp_path / "text=same").mkdir()
    path = write_parquet(tmp_path / "text=same/p.parquet", [{"doc_id": "1"}, {"doc_id": "2"}])
    documents, _ = read_all(path)
    assert [document["text"] for document in documents] == ["same", "same"]
    (tmp_path / "doc_id=1").mkdir()
    ids = write_parquet(tmp_path / "doc_id=1/p.parquet", [{"text": "a"}])
    with pytest.raises(UsageError, match="no column doc_id; columns there: text"):
        read_all(ids)
