"""The how-to's own SQL and Python, over a folder in which a glob gives wrong answers."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from encore.featurestore import Catalogue, Change, commit
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.segments.entries import SegmentEntry
from encore.pipelines.export import ExportRequest, export
from encore.pipelines.predictions import PredictionsFolder
from tests.featurestore.building import spec_of, write
from tests.heads.building import model_of
from tests.pipelines.predictions.building import Folder, texts

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "query-predictions-with-sql.md"
CLASSES = ("politics", "science", "sports")
ELSEWHERE = re.compile(r"^import (?:polars|pandas)", re.MULTILINE)
"""Blocks for packages that not every environment has."""


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [block for block in found if not ELSEWHERE.search(block)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Predictions of which some are superseded, some dropped, and listed by more than one list."""
    root = tmp_path_factory.mktemp("query")
    folder = Folder(root)
    store = Catalogue.create(str(root / "store"), spec_of())
    records = [
        write(store, texts(letter, 3), {"section": pa.array([["home", "world"][number % 2]] * 3)})
        for number, letter in enumerate("abcdefg")
    ]
    commit(store, Change(0, "encode", [SegmentEntry.of(record) for record in records]))
    for task, classes in (("topic", CLASSES), ("tone", ("bad", "good"))):
        model = model_of(folder.store.spec, "mean", len(classes), 5)
        replace(folder.head(task), classes=classes, model=model).save(root / task)
    folder.backfill("topic", "tone", probabilities=True)
    delete(folder.store, ["a0", "b0", "b1", "b2"])
    folder.backfill("topic", "tone", probabilities=True)
    (root / "out").rename(root / "predictions")
    export(ExportRequest(str(root / "predictions"), folder.store.uri, str(root / "topics.parquet")))
    return folder


@pytest.fixture
def expected(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, float]]:
    """Id → probabilities of the classes of ``topic``."""
    monkeypatch.chdir(folder.root)
    table = PredictionsFolder.open("predictions").read("topic")
    return {
        doc_id: dict(zip(CLASSES, row, strict=True))
        for doc_id, row in zip(table["doc_id"].to_pylist(), table["probabilities"].to_pylist(), strict=True)
    }


def test_the_exported_file_is_queried(expected: dict[str, dict[str, float]]) -> None:
    rows = duckdb.connect().sql(blocks("sql")[0]).fetchall()
    assert {section for section, *_ in rows} == {"home", "world"}
    assert sum(count for _, _, count, _ in rows) == len(expected) == 17
    mean = sum(count * sports for _, _, count, sports in rows) / len(expected)
    assert mean == pytest.approx(sum(row["sports"] for row in expected.values()) / len(expected))


def test_sql_finds_the_files_that_count(expected: dict[str, dict[str, float]]) -> None:
    connection = duckdb.connect()
    _, setting_up, counting, naming = blocks("sql")
    connection.execute(setting_up)
    assert connection.sql("SELECT len(getvariable('lists'))").fetchall() == [(2,)], "the order of lists is looked at"
    counts = connection.sql(counting).fetchall()
    heads = PredictionsFolder.open("predictions").heads()
    assert {head: sum(n for it, _, n in counts if it == head) for head in heads} == dict.fromkeys(heads, 17)
    found = connection.sql(naming).fetchall()
    assert found == sorted((doc_id, pytest.approx(row["sports"])) for doc_id, row in expected.items())
    everything = connection.sql("SELECT count(*) FROM 'predictions/head=*/*.parquet'").fetchall()
    assert everything == [(2 * (21 + 2),)], "a glob has the old files too"


def test_python_reads_the_file_and_the_folder(
    expected: dict[str, dict[str, float]], capsys: pytest.CaptureFixture[str]
) -> None:
    from_file, addresses, from_folder, by_duckdb = blocks("python")
    names: dict[str, Any] = {}
    exec(from_file, names)
    sports = {doc_id: row["sports"] for doc_id, row in expected.items() if max(row, key=row.__getitem__) == "sports"}
    rows = names["table"].to_pydict()
    assert dict(zip(rows["doc_id"], rows["sports"], strict=True)) == sports
    assert sports, "some documents are of this class"
    exec(addresses + from_folder, names)
    rows = names["table"].to_pydict()
    assert set(rows["doc_id"]) == {doc_id for doc_id, row in expected.items() if max(row.values()) > 0.5}
    assert {head.partition("@")[0] for head in rows["head"]} == {"topic"}
    exec(by_duckdb, names)
    assert re.search(rf"sports +│ +{len(sports)} ", capsys.readouterr().out)
