"""What ``encore export`` says of what it wrote, and of what it could not."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from encore.cli.main import run
from encore.featurestore.rewriting.deletion import delete
from tests.featurestore.building import put
from tests.pipelines.predictions.building import Folder, texts


def said(words: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    capsys.readouterr()
    assert run(words) == code
    shown = capsys.readouterr()
    return shown.err if code else shown.out


def test_what_is_in_the_file_is_said_and_what_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Folder.build(tmp_path)
    head = folder.head("tone")
    folder.backfill("tone")
    delete(folder.store, ["a0"])
    put(folder.store, {"b0": "another text", **texts("c", 1)})
    out = str(tmp_path / "made" / "tone.parquet")
    words = ["export", str(tmp_path / "out"), "--store", str(tmp_path / "store"), "--out", out]
    assert said(words, capsys).splitlines() == [
        f"written  {out}, 13 documents",
        f"store    {tmp_path}/store at snapshot 4",
        "columns  doc_id",
        f"head     tone@{head.digest[:12]}: 11 predictions in tone_label, tone_score",
        "           2 documents without one yet; encore backfill with this head scores them",
        "           2 left out: the document is gone, or was stored anew since then",
    ]
    assert pq.read_metadata(out).num_rows == 13
    document = json.loads(said([*words, "--json", "--head", "tone", "--columns", ""], capsys))
    assert document == {
        "out": out,
        "store": f"{tmp_path}/store",
        "snapshot": 4,
        "documents": 13,
        "columns": ["doc_id"],
        "heads": [
            {
                "head": f"tone@{head.digest[:12]}",
                "columns": ["tone_label", "tone_score"],
                "predicted": 11,
                "without": 2,
                "left_out": 2,
            }
        ],
    }
    assert "no kept column x; the store keeps none" in said([*words, "--columns", "x"], capsys, 2)
    assert "expected a name that ends in .parquet" in said([*words[:-1], "tone.csv"], capsys, 2)
    (tmp_path / "folder.parquet").mkdir()
    assert "it names a folder, not a file" in said([*words[:-1], str(tmp_path / "folder.parquet")], capsys, 2)
