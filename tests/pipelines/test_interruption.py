"""Jobs that are interrupted in a process that goes on, as a notebook's does."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from encore.featurestore import Catalogue
from encore.pipelines.backfill.job import BackfillRequest, backfill
from encore.pipelines.encoding.job import EncodeRequest, encode
from encore.pipelines.flow import Interruption
from encore.pipelines.ingestion.derivation import DeriveRequest, derive
from encore.pipelines.predictions import PredictionsFolder
from encore.pipelines.progress import ProgressState, SilentDisplay
from encore.pipelines.progress.counts import UnitCounts
from tests.pipelines.backfill.trained_heads import train
from tests.pipelines.jobs import ONE_WORKER, documents, encoder, run_encode, texts, write_corpus

COUNT = 600
UNITS = 60


@pytest.fixture(autouse=True)
def looked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the outcomes often, so that only few of the tiny units are done when the interruption comes."""
    monkeypatch.setattr("encore.pipelines.progress.watch.POLL_SECONDS", 0.01)


class Interrupter(SilentDisplay):
    """Ctrl-C, as soon as some units are finished."""

    def show(self, done: ProgressState) -> None:
        if done.count:
            raise KeyboardInterrupt


def wait_for_the_job() -> None:
    """Wait until the thread of the job has ended. The job itself does not wait for it."""
    for thread in threading.enumerate():
        if thread.name == "encore-job":
            thread.join(60)
            assert not thread.is_alive()


def outcomes(folder: Path) -> int:
    (run,) = (folder / "runs").iterdir()
    return len(list((run / "outcomes").iterdir()))


def test_an_interrupted_encode_ends_with_its_batch_and_leaves_the_store_as_ctrl_c_does(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(COUNT))
    request = EncodeRequest(corpus, str(tmp_path / "store"), encoder=encoder(), device="cpu", unit_rows=10)
    with pytest.raises(KeyboardInterrupt):
        encode(request, beam_options=ONE_WORKER, display=Interrupter())
    wait_for_the_job()
    assert 0 < outcomes(tmp_path / "store") < UNITS
    assert Catalogue.open(tmp_path / "store").version == 0
    counts = documents(run_encode(tmp_path / "store", corpus, unit_rows=10))
    assert counts["adopted"] > 0
    assert counts["adopted"] + counts["encoded"] == COUNT


def test_an_interrupted_calibration_ends_with_its_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(COUNT))

    def interrupted(running: object, signs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("encore.pipelines.encoding.calibration._wait", interrupted)
    request = EncodeRequest(corpus, str(tmp_path / "store"), encoder=encoder(), device="cpu", quantizer="uint8")
    with pytest.raises(KeyboardInterrupt):
        encode(request, display=Interrupter())
    wait_for_the_job()
    assert list((tmp_path / "store").rglob("calibration-*")) == []


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored")
    run_encode(folder, write_corpus(folder.parent / "a.parquet", texts(COUNT)), unit_rows=10)
    return folder


def test_an_interrupted_derive_ends_with_its_unit(stored: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        derive(
            DeriveRequest(str(stored), str(tmp_path / "poorer"), positions="cls"),
            beam_options=ONE_WORKER,
            display=Interrupter(),
        )
    wait_for_the_job()
    assert 0 < outcomes(tmp_path / "poorer") < UNITS
    assert Catalogue.open(tmp_path / "poorer").version == 0


def test_an_interrupted_backfill_ends_with_its_unit(stored: Path, tmp_path: Path) -> None:
    train(Catalogue.open(stored), tmp_path)
    request = BackfillRequest(str(stored), (str(tmp_path / "parity"),), str(tmp_path / "out"), device="cpu")
    with pytest.raises(KeyboardInterrupt):
        backfill(request, beam_options=ONE_WORKER, display=Interrupter())
    wait_for_the_job()
    assert 0 < outcomes(tmp_path / "out") < UNITS
    assert PredictionsFolder.open(tmp_path / "out").heads() == []
    assert backfill(request).exit_code == 0


def test_workers_hear_of_an_interruption_where_they_count() -> None:
    counts = UnitCounts()
    counts.begin(0)
    counts.interrupt()
    for hearing in (lambda: counts.begin(1), lambda: counts.add(0, 1, 1)):
        with pytest.raises(Interruption):
            hearing()
