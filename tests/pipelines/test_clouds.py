"""The whole loop, and a race of creates, on what stands for other clouds than Amazon's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from encore.featurestore import Catalogue, UsageError
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.storage import Objects
from encore.featurestore.verification.store import verify
from encore.heads import Labels, TrainSettings
from encore.heads.training import TrainRequest, train_from_store
from encore.pipelines.backfill.job import BackfillRequest, backfill
from encore.pipelines.predictions import PredictionsFolder
from tests.azure import azure_container, azure_port
from tests.pipelines.jobs import ONE_WORKER, documents, run_encode, texts, write_corpus

__all__ = ["azure_container", "azure_port"]

COUNT = 40
WRITERS, KEYS = 8, 25


@pytest.fixture
def root(azure_container: str) -> str:
    return azure_container


def test_the_loop_gives_what_it_gives_on_a_disk(root: str, tmp_path: Path) -> None:
    first = write_corpus(tmp_path / "a.parquet", texts(COUNT))
    second = write_corpus(tmp_path / "b.parquet", [*texts(5, word="changed"), *texts(COUNT, start=5)])
    answers = []
    for place in (f"{root}/loop", str(tmp_path / "loop")):
        store = f"{place}/store"
        run_encode(store, first, unit_rows=15)
        assert documents(run_encode(store, second, unit_rows=15))["skipped"] == COUNT - 5
        assert delete(Catalogue.open(store), ["d7", "d8"]).deleted == 2
        compact(Catalogue.open(store))
        assert vacuum(Objects.open(store), age_limit=timedelta(0)).manifests
        assert verify(Objects.open(store), deep=True).findings == ()
        labels = pa.table({"doc_id": [f"d{i}" for i in range(10, 30)], "label": ["even", "odd"] * 10})
        asked = TrainRequest(
            "parity", Labels.from_table(labels, "doc_id", "label", "t"), dev_share=0, settings=TrainSettings(epochs=1)
        )
        train_from_store(Catalogue.open(store), asked).head.save(tmp_path / "parity")
        request = BackfillRequest(store, (str(tmp_path / "parity"),), f"{place}/predictions")
        assert backfill(request, beam_options=ONE_WORKER).exit_code == 0
        said = PredictionsFolder.open(f"{place}/predictions").read("parity").sort_by("doc_id")
        answers.append((Catalogue.open(store).digest(), said.select(["doc_id", "label"])))
    assert answers[0] == answers[1]


def test_of_writers_of_the_same_name_one_wins(root: str) -> None:
    objects = Objects.open(f"{root}/race")
    objects.require_creates()
    with ThreadPoolExecutor(WRITERS) as pool:
        for key in range(KEYS):
            won = list(pool.map(lambda i, path=f"{key}": objects.create(path, b"%d" % i), range(WRITERS)))
            assert objects.get(f"{key}") == b"%d" % won.index(True)
            assert sum(won) == 1


def test_a_container_that_is_not_there_is_named(root: str) -> None:
    with pytest.raises(UsageError, match=r"-other.*: no such bucket or container"):
        Catalogue.open(f"{root}-other/store")
