"""Backfills from storage that is far away: segments are read ahead and written behind, and nothing else differs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from encore.featurestore import Catalogue, FeatureBlock
from encore.featurestore.feature_reader import FeatureReader
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.storage.objects import Objects
from encore.heads import Scorer, Scores
from encore.pipelines.flow import segment_blocks
from encore.pipelines.predictions import PredictionsFolder
from tests.pipelines.backfill.trained_heads import run_backfill, train
from tests.pipelines.jobs import ONE_WORKER, run_encode, texts, write_corpus
from tests.templates import copied

COUNT, UNIT = 120, 20
WAIT = 60
"""Seconds after which a test gives up a read that never comes."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    run_encode(folder, write_corpus(folder.parent / "a.parquet", texts(COUNT)), unit_rows=UNIT)
    return folder


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Catalogue:
    return Catalogue.open(str(copied(template, tmp_path / "store")))


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every object is asked for as from object storage."""
    monkeypatch.setattr(Objects, "on_disk", False)
    monkeypatch.setattr(Objects, "_from_file", lambda *_: None)


def probabilities(folder: Path, task: str) -> dict[str, list[float]]:
    table = PredictionsFolder.open(str(folder / "out")).read(task)
    return dict(zip(table["doc_id"].to_pylist(), table["probabilities"].to_pylist(), strict=True))


@pytest.mark.parametrize("block_bytes", [16 << 20, 200], ids=["one block", "many blocks"])
@pytest.mark.parametrize("options", [ONE_WORKER, ()], ids=["one worker", "all cores"])
def test_predictions_are_those_from_a_disk(
    store: Catalogue, tmp_path: Path, request: pytest.FixtureRequest, options: tuple[str, ...], block_bytes: int
) -> None:
    for task, pooling in (("one", "attention"), ("two", "mean")):
        train(store, tmp_path / "disk", task, poolings=(pooling,))
        train(store, tmp_path / "far", task, poolings=(pooling,))
    run_backfill(store, tmp_path / "disk", "one", "two", probabilities=True, options=options)
    request.getfixturevalue("far")
    request.getfixturevalue("monkeypatch").setattr(segment_blocks, "BLOCK_BYTES", block_bytes)
    report = run_backfill(store, tmp_path / "far", "one", "two", probabilities=True, options=options)
    assert (report.exit_code, report.document["documents"]["scored"]) == (0, 2 * COUNT)
    assert set(report.document["seconds"]) == {"read", "score", "write"}
    for task in ("one", "two"):
        expected, found = probabilities(tmp_path / "disk", task), probabilities(tmp_path / "far", task)
        assert expected.keys() == found.keys()
        for doc_id, values in expected.items():
            np.testing.assert_allclose(found[doc_id], values, atol=1e-6)


@pytest.mark.usefixtures("far")
def test_segments_are_read_while_the_first_is_scored(
    store: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(store, tmp_path)
    opened = {entry.segment: Event() for entry in store.entries}
    scan, score = FeatureReader.scan_segment, Scorer.score

    def noting(self: FeatureReader, entry: SegmentEntry, *words: object) -> object:
        opened[entry.segment].set()
        return scan(self, entry, *words)  # type: ignore[arg-type]

    def waiting(self: Scorer, block: FeatureBlock) -> Sequence[Scores]:
        assert all(event.wait(WAIT) for event in opened.values())
        return score(self, block)

    monkeypatch.setattr(FeatureReader, "scan_segment", noting)
    monkeypatch.setattr(Scorer, "score", waiting)
    assert run_backfill(store, tmp_path, "parity").exit_code == 0


@pytest.mark.usefixtures("far")
def test_what_is_read_ahead_has_a_limit(store: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(store, tmp_path)
    opened: list[str] = []
    scored: list[int] = []
    scan, score = FeatureReader.scan_segment, Scorer.score

    def noting(self: FeatureReader, entry: SegmentEntry, *words: object) -> object:
        opened.append(entry.segment)
        return scan(self, entry, *words)  # type: ignore[arg-type]

    def looking(self: Scorer, block: FeatureBlock) -> Sequence[Scores]:
        scored.append(len(opened))
        return score(self, block)

    monkeypatch.setattr(FeatureReader, "scan_segment", noting)
    monkeypatch.setattr(Scorer, "score", looking)
    largest = max(entry.payload_bytes for entry in store.entries)
    monkeypatch.setattr(segment_blocks, "AHEAD_BYTES", 2 * largest)
    assert run_backfill(store, tmp_path, "parity").exit_code == 0
    assert len(scored) == COUNT // UNIT
    assert all(open_by_now <= place + 2 for place, open_by_now in enumerate(scored, 1))


def test_the_report_says_where_the_time_went(store: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(store, tmp_path)

    def slowed(step: Callable[..., object], seconds: float) -> Callable[..., object]:
        def slow(*words: object, **named: object) -> object:
            time.sleep(seconds)
            return step(*words, **named)

        return slow

    monkeypatch.setattr(FeatureReader, "open_segment", slowed(FeatureReader.open_segment, 0.03))
    monkeypatch.setattr(Scorer, "score", slowed(Scorer.score, 0.02))
    monkeypatch.setattr(PredictionsFolder, "write_file", slowed(PredictionsFolder.write_file, 0.01))
    seconds = run_backfill(store, tmp_path, "parity").document["seconds"]
    segments = COUNT // UNIT
    assert seconds["read"] >= 0.03 * segments
    assert seconds["score"] >= 0.02 * segments
    assert seconds["write"] >= 0.01 * segments


@pytest.mark.parametrize("where", ["disk", "far"])
def test_a_head_whose_file_cannot_be_written_fails_its_segment_alone(
    store: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, where: str
) -> None:
    train(store, tmp_path, "one")
    train(store, tmp_path, "two", seeds=(5,))
    if where == "far":
        request.getfixturevalue("far")
    broken, write = store.entries[2].segment, PredictionsFolder.write_file

    def failing(self: PredictionsFolder, path: str, table: object) -> int:
        if broken in path and path.startswith("head=two"):
            raise OSError("disk full")
        return write(self, path, table)  # type: ignore[arg-type]

    monkeypatch.setattr(PredictionsFolder, "write_file", failing)
    report = run_backfill(store, tmp_path, "one", "two")
    assert report.exit_code == 1
    assert report.document["failures"] == {"2": {"stage": "write", "reason": "OSError: disk full"}}
    assert report.document["documents"]["scored"] == 2 * (COUNT - UNIT)
    monkeypatch.setattr(PredictionsFolder, "write_file", write)
    again = run_backfill(store, tmp_path, "one", "two").document["documents"]
    # The first head's file was there already.
    assert (again["adopted"], again["scored"]) == (UNIT, UNIT)


@pytest.mark.parametrize("where", ["disk", "far"])
def test_a_segment_that_this_run_has_scored_is_not_scored_again(
    store: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, where: str
) -> None:
    train(store, tmp_path)
    if where == "far":
        request.getfixturevalue("far")
    scored: list[str] = []
    score = Scorer.score

    def noting(self: Scorer, block: FeatureBlock) -> Sequence[Scores]:
        scored.extend(block.doc_ids.to_pylist())
        return score(self, block)

    monkeypatch.setattr(Scorer, "score", noting)
    twice = ("--direct_runner_bundle_repeat=1", *ONE_WORKER)
    report = run_backfill(store, tmp_path, "parity", options=twice)
    assert report.document["documents"] == {
        "stored": COUNT,
        "read": COUNT,
        "scored": COUNT,
        "carried": 0,
        "adopted": 0,
        "checked": 0,
    }
    assert sorted(scored) == sorted(f"d{i}" for i in range(COUNT))
