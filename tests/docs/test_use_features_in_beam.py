"""The how-to's own pipelines, in the folder that it speaks of."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from encore.featurestore import Catalogue
from tests.docs.python_blocks import python_blocks
from tests.pipelines.predictions.building import Folder, texts

SCORING, NORMS = python_blocks("use-features-in-beam.md")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    folder = Folder.build(tmp_path)
    folder.head("topic").save(tmp_path / "trained" / "topic")
    folder.backfill("topic")
    (tmp_path / "store").rename(tmp_path / "features")
    monkeypatch.chdir(tmp_path)
    return folder


def test_the_files_hold_what_a_backfill_predicts(folder: Folder) -> None:
    exec(SCORING, {"__name__": "__main__"})
    table = pq.read_table("scores")
    assert table.column_names == ["doc_id", "head", "label", "score", "probabilities"]
    found = {row["doc_id"]: (row["label"], pytest.approx(row["score"])) for row in table.to_pylist()}
    assert found == folder.answers("topic")
    assert len(found) == 13


def test_the_norms_are_those_of_documents(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(Catalogue.open("features")) == 13
    exec(NORMS, {"__name__": "__main__"})
    found = re.findall(r"\('(\w+)', ([\d.]+)\)", capsys.readouterr().out)
    assert len(found) == 3
    assert {doc_id for doc_id, _ in found} <= {*texts("a", 8), *texts("b", 5)}
    largest = [float(norm) for _, norm in found]
    assert largest == sorted(largest, reverse=True)
