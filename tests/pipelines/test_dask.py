"""Jobs on a Dask cluster make the stores and predictions that they make in one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from encore.featurestore import Catalogue, JobError
from encore.heads import Labels, TrainSettings
from encore.heads.training import TrainRequest, train_from_store
from encore.pipelines.backfill.job import BackfillRequest, backfill
from encore.pipelines.ingestion.derivation import DeriveRequest, derive
from encore.pipelines.predictions import PredictionsFolder
from encore.pipelines.runs import RunFolder
from tests.pipelines.dask_cluster import DaskCluster, dask_cluster
from tests.pipelines.jobs import ONE_WORKER, documents, run_encode, texts, write_corpus

pytest.importorskip("distributed", reason="the extra dask is not installed")

COUNT = 60


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with dask_cluster(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "a.parquet", texts(COUNT))


def digest(uri: Path) -> str:
    return Catalogue.open(str(uri)).digest()


@pytest.mark.parametrize("quantizer", ["float16", "uint8", "sign"])
def test_encode_makes_the_store_that_it_makes_in_one_process(
    quantizer: str, cluster: DaskCluster, corpus: str, tmp_path: Path
) -> None:
    """uint8 is calibrated on the cluster first."""
    far = run_encode(tmp_path / "far", corpus, unit_rows=10, quantizer=quantizer, options=cluster.options)
    assert (far.exit_code, documents(far)["encoded"], far.document["units"]["planned"]) == (0, COUNT, 6)
    run_encode(tmp_path / "near", corpus, unit_rows=10, quantizer=quantizer)
    assert digest(tmp_path / "far") == digest(tmp_path / "near")


def test_derive_and_backfill_give_what_they_give_in_one_process(
    cluster: DaskCluster, corpus: str, tmp_path: Path
) -> None:
    store = str(tmp_path / "store")
    run_encode(store, corpus, unit_rows=10, layers="stack:2", quantizer="float16")
    for name, options in (("far", cluster.options), ("near", ONE_WORKER)):
        derive(DeriveRequest(store, str(tmp_path / name), layers="mean:2", quantizer="sign"), beam_options=options)
    assert digest(tmp_path / "far") == digest(tmp_path / "near")
    table = pa.table({"doc_id": [f"d{i}" for i in range(COUNT)], "label": ["even", "odd"] * (COUNT // 2)})
    labels = Labels.from_table(table, "doc_id", "label", "test")
    request = TrainRequest("parity", labels, dev_share=0, settings=TrainSettings(epochs=1))
    train_from_store(Catalogue.open(str(tmp_path / "near")), request).head.save(tmp_path / "parity")
    rows = []
    for name, options in (("far", cluster.options), ("near", ONE_WORKER)):
        asked = BackfillRequest(str(tmp_path / name), (str(tmp_path / "parity"),), str(tmp_path / f"{name}-said"))
        assert backfill(asked, beam_options=options).exit_code == 0
        rows.append(PredictionsFolder.open(str(tmp_path / f"{name}-said")).read("parity").sort_by("doc_id"))
    assert rows[0].select(["doc_id", "label"]).equals(rows[1].select(["doc_id", "label"]))
    assert rows[0]["score"].to_numpy() == pytest.approx(rows[1]["score"].to_numpy(), abs=1e-6)


def test_workers_give_signs_of_life(cluster: DaskCluster, corpus: str, tmp_path: Path) -> None:
    report = run_encode(tmp_path / "store", corpus, unit_rows=2, options=cluster.options)
    folder = RunFolder(Catalogue.open(str(tmp_path / "store")).objects, report.document["run"])
    workers = folder.workers()
    assert 1 <= len(workers) <= 2
    for beat in workers.values():
        assert beat["memory"] > 50 << 20
        assert set(beat) == {"beat", "at", "units", "memory"}


def test_a_cluster_without_workers_is_given_up(corpus: str, tmp_path: Path) -> None:
    with dask_cluster(tmp_path, workers=0) as cluster:
        with pytest.raises(JobError, match=r"no worker gave a sign of life for 0\.05 minutes"):
            run_encode(tmp_path / "store", corpus, options=cluster.options, give_up_after=0.05)
        assert Catalogue.open(str(tmp_path / "store")).version == 0
        cluster.add_worker()
        assert run_encode(tmp_path / "store", corpus, options=cluster.options).exit_code == 0


def test_units_of_a_killed_worker_run_elsewhere(corpus: str, tmp_path: Path) -> None:
    with dask_cluster(tmp_path) as cluster:
        done = threading.Thread(target=kill_at_first_segment, args=(cluster, tmp_path / "far"))
        done.start()
        far = run_encode(tmp_path / "far", corpus, unit_rows=4, quantizer="float16", options=cluster.options)
        done.join()
        assert sum(worker.is_alive() for worker in cluster.workers) == 1
    assert (far.exit_code, documents(far)["encoded"]) == (0, COUNT)
    run_encode(tmp_path / "near", corpus, unit_rows=4, quantizer="float16")
    assert digest(tmp_path / "far") == digest(tmp_path / "near")


def kill_at_first_segment(cluster: DaskCluster, store: Path) -> None:
    """Kill the first worker when a unit is done."""
    while not list((store / "segments").glob("*.json")):
        time.sleep(0.005)
    cluster.workers[0].kill()
