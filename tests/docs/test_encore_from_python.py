"""The page on Encore from Python, from its first block to its last in one program."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import encore
from tests.docs.python_blocks import HOW_TO, python_blocks
from tests.pipelines.jobs import encoder, texts, write_corpus

PAGE = "encore-from-python.md"
COUNT = 40


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the page speaks of; a tiny encoder is the default."""
    monkeypatch.setitem(inspect.unwrap(encore.encode).__kwdefaults__, "encoder", encoder())
    write_corpus(tmp_path / "articles.parquet", texts(COUNT))
    ids = [f"d{number}" for number in range(COUNT)]
    labels = pa.table({"doc_id": ids, "label": ["even", "odd"] * (COUNT // 2)})
    pq.write_table(labels.slice(10), tmp_path / "topics.parquet")
    pq.write_table(labels.slice(0, 10), tmp_path / "topics-held-out.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_runs_as_it_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for block in python_blocks(PAGE):
        exec(block, names)
    assert (folder / "trained" / "topic" / "head.json").exists()
    text = (HOW_TO / PAGE).read_text(encoding="utf-8")
    assert f"\n```\n{capsys.readouterr().out}```\n" in text
    assert isinstance(names["store"], encore.Store)
    assert len(names["store"]) == COUNT + 1
    tokens, means = names["tokens"], names["means"]
    assert len(tokens) == len(means) == 2  # type: ignore[arg-type]


def test_the_page_names_every_error() -> None:
    text = (HOW_TO / PAGE).read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE))
    errors = {name for name in encore.__all__ if isinstance(getattr(encore, name), type)}
    errors = {name for name in errors if issubclass(getattr(encore, name), encore.EncoreError)}
    assert named == errors - {"EncoreError"}
