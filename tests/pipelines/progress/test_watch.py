from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from encore.featurestore import Catalogue, JobError
from encore.featurestore.storage import Objects
from encore.pipelines.backfill.job import BackfillRequest, backfill
from encore.pipelines.encoding.job import EncodeRequest, encode
from encore.pipelines.ingestion.derivation import DeriveRequest, derive
from encore.pipelines.progress import ProgressState, SharedCounts, SilentDisplay
from encore.pipelines.progress.counts import UnitCounts, UnitProgress
from encore.pipelines.progress.watch import Tally, watch_units
from encore.pipelines.runs import RunFolder, SignsOfLife
from tests.pipelines.backfill.trained_heads import train
from tests.pipelines.jobs import encoder, texts, write_corpus


class RecordingDisplay(SilentDisplay):
    """A display that keeps what it is shown."""

    def __init__(self) -> None:
        self.began: list[tuple[str, int, str]] = []
        self.counts: list[int] = []
        self.notes: list[str] = []
        self.prepared: list[str] = []

    def preparing(self, title: str, what: str) -> AbstractContextManager[object]:
        self.prepared.append(f"{title} {what}")
        return nullcontext()

    def begin(self, title: str, total: int, noun: str = "document", detail: str = "") -> None:
        self.began.append((title, total, detail))

    def show(self, done: ProgressState) -> None:
        self.counts.append(done.count)
        self.notes.append(done.note)

    def end(self) -> None:
        """Nothing more."""


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of documents that workers report, one entry a report."""
    found: list[int] = []
    add = UnitCounts.add

    def listening(self: UnitCounts, unit: int, documents: int, work: float, tokens: int = 0) -> None:
        found.append(documents)
        add(self, unit, documents, work, tokens)

    monkeypatch.setattr(UnitCounts, "add", listening)
    return found


def request(tmp_path: Path, count: int = 600) -> EncodeRequest:
    corpus = write_corpus(tmp_path / "a.parquet", texts(count))
    return EncodeRequest((corpus,), str(tmp_path / "store"), encoder=encoder(), device="cpu", quantizer="float16")


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_of_this_process_tell_of_batches_inside_of_units(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One unit or several: what is seen while they are at work adds up, and is forgotten when they are finished."""
    driver: list[UnitCounts] = []
    get = SharedCounts.get
    monkeypatch.setattr(SharedCounts, "get", lambda self: driver.append(get(self)) or driver[-1])
    seen = RecordingDisplay()
    report = encode(request(tmp_path), beam_options=[f"--direct_num_workers={workers}"], display=seen)
    assert seen.prepared == ["encode planning, 1 file"]
    assert report.document["documents"]["encoded"] == 600
    assert len({id(counts) for counts in driver}) == 1
    assert len(driver) > 1
    assert seen.began[0][:2] == ("encode", 600)
    assert seen.counts[-1] == 600
    assert driver[0].at_work(()) == UnitProgress()


def test_a_unit_tells_of_every_batch(tmp_path: Path, heard: list[int]) -> None:
    encode(request(tmp_path), beam_options=["--direct_num_workers=1"])
    assert sum(heard) == 600
    assert len(heard) > 3


def test_derive_tells_of_every_block(tmp_path: Path, heard: list[int]) -> None:
    encode(request(tmp_path), beam_options=["--direct_num_workers=1"])
    heard.clear()
    derive(DeriveRequest(str(tmp_path / "store"), str(tmp_path / "derived"), quantizer="sign"))
    assert sum(heard) == 600


def test_backfill_tells_of_every_block(tmp_path: Path, heard: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    encode(request(tmp_path), beam_options=["--direct_num_workers=1"])
    heard.clear()
    train(Catalogue.open(str(tmp_path / "store")), tmp_path)
    monkeypatch.setattr("encore.pipelines.flow.segment_blocks.BLOCK_BYTES", 20_000)
    seen = RecordingDisplay()
    backfill(BackfillRequest(str(tmp_path / "store"), (str(tmp_path / "parity"),), str(tmp_path / "out")), display=seen)
    assert sum(heard) == 600
    assert len(heard) > 3
    assert (seen.began[0][:2], seen.counts[-1]) == (("backfill", 600), 600)


def test_workers_elsewhere_are_shown_and_a_job_without_any_is_given_up(tmp_path: Path) -> None:
    folder = RunFolder.start(Objects.open(str(tmp_path), make=True))
    folder.put_worker("a", {"beat": 1})
    seen, looks = RecordingDisplay(), iter([True] * 40)
    watch = watch_units(folder, "encode", 1, 10, seen, signs=SignsOfLife(folder, 0.3))
    with pytest.raises(JobError, match="no worker gave a sign of life"):
        watch(lambda seconds: time.sleep(min(seconds, 0.05)) is None and next(looks, False))
    assert seen.notes[-1] == "1 worker"


def test_what_is_elsewhere_counts_for_itself() -> None:
    elsewhere, here = SharedCounts(here=False), SharedCounts(here=True)
    assert elsewhere.get() is not elsewhere.get()
    held = here.get()
    assert here.get() is held


def test_a_unit_that_is_begun_anew_starts_over_and_finished_ones_are_forgotten() -> None:
    counts = UnitCounts()
    counts.begin(1, 10)
    counts.encoding(1, 40)(20, 300, 400)
    counts.begin(2)
    counts.add(2, 5, 5.0)
    assert counts.at_work(()) == UnitProgress(35, 35.0, 300)
    counts.begin(1, 10)
    assert counts.at_work({2}) == UnitProgress(10)
    assert counts.at_work(()) == UnitProgress(10)


def outcome(documents: int, **counts: int) -> dict[str, int]:
    return {"documents_in": documents, **counts}


def test_of_a_night_the_time_left_is_that_of_the_new_documents() -> None:
    """A million are stored; a thousand are new and in the last unit. What is skipped in no time says nothing."""
    tally = Tally(1_001_000, expected=1000)
    for unit in range(100):
        tally.add(unit, outcome(10_000, encoded=0, skipped=10_000))
        assert tally.done(0.1 * unit, UnitProgress()).left is None
    said = [tally.done(10.0 + n, UnitProgress(10 * n, 10.0 * n)) for n in range(1, 100)]
    assert said[-1].count == 1_000_990
    found = [(n, done.left) for n, done in enumerate(said, 1) if done.left is not None]
    assert len(found) > 80
    assert all(abs(left - (100 - n)) < 1.5 for n, left in found)


def test_blocked_documents_are_not_taken_for_new_ones() -> None:
    tally = Tally(1000, expected=200)
    tally.add(0, outcome(500, encoded=0, skipped=400, blocked=100))
    for second in range(11):
        done = tally.done(float(second), UnitProgress(10 * second, 10.0 * second))
    assert done.left == pytest.approx(10.0)


def test_of_changed_texts_the_time_left_is_that_of_the_rest_like_those_so_far() -> None:
    tally = Tally(1000, expected=0)
    for unit in range(9):
        tally.add(unit, outcome(100, encoded=50, skipped=50))
        done = tally.done(10.0 * unit, UnitProgress())
    assert done.left == pytest.approx(10.0)


def test_of_a_backfill_all_documents_count() -> None:
    tally = Tally(1000, expected=1000)
    for unit in range(9):
        tally.add(unit, outcome(100, scored=300, adopted=100))
        done = tally.done(10.0 * unit, UnitProgress())
    assert (done.count, done.left) == (900, pytest.approx(10.0))
