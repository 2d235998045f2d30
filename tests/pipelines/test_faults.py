"""The whole loop over a bucket that fails: it completes, and what it stores and predicts is what it always is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from encore.featurestore import Catalogue
from encore.featurestore.history.tags import add_tag
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from encore.heads import Labels, TrainSettings
from encore.heads.training.store import TrainRequest, train_from_store
from encore.pipelines.backfill.job import BackfillRequest, backfill
from encore.pipelines.ingestion.derivation import DeriveRequest, derive
from encore.pipelines.predictions import PredictionsFolder
from tests.faulty_proxy import WAYS, FaultyProxy, faulty_proxy
from tests.pipelines.jobs import ONE_WORKER, documents, run_encode, texts, write_corpus

COUNT = 12
SOAK_COUNT = 300


def the_loop(root: str, corpora: Sequence[str], folder: Path, count: int) -> dict[str, Any]:
    """Encode, update, delete, derive, train, backfill, compact, vacuum, verify; what came of it.

    Args:
        root: where stores and predictions go.
        corpora: two corpora; the second changes some texts of the first.
        folder: for the head.
        count: documents of the corpora.
    """
    uri, derived, out = f"{root}/store", f"{root}/derived", f"{root}/predictions"
    reports = [run_encode(uri, corpora[0], layers="stack:2", quantizer="float16", unit_rows=max(COUNT, count // 4))]
    add_tag(Objects.open(uri), "first", 1)
    reports.append(run_encode(uri, corpora[1], unit_rows=max(COUNT, count // 4), layers="stack:2", quantizer="float16"))
    deletion = delete(Catalogue.open(uri), [f"d{i}" for i in range(0, count, 7)] + ["nothing"], block=True)
    reports.append(run_encode(uri, corpora[1], unit_rows=max(COUNT, count // 4), layers="stack:2", quantizer="float16"))
    reports.append(derive(DeriveRequest(uri, derived, layers="mean:2", quantizer="sign"), beam_options=ONE_WORKER))

    labelled = [f"d{i}" for i in range(count) if i % 7]
    table = pa.table({"doc_id": labelled, "label": ["even" if int(i[1:]) % 2 == 0 else "odd" for i in labelled]})
    labels = Labels.from_table(table, "doc_id", "label", "test")
    request = TrainRequest("parity", labels, dev_share=0, settings=TrainSettings(epochs=1))
    head = train_from_store(Catalogue.open(derived), request).head
    head.save(folder / "parity")
    backfilling = BackfillRequest(derived, (str(folder / "parity"),), out)
    reports.append(backfill(backfilling, beam_options=ONE_WORKER))

    delete(Catalogue.open(derived), labelled[:5])
    compactions = [compact(Catalogue.open(place)) for place in (uri, derived)]
    reports.append(backfill(backfilling, beam_options=ONE_WORKER))
    for place in (uri, derived):
        vacuum(Objects.open(place), age_limit=timedelta(0))
    found = [verify(Objects.open(place), deep=True) for place in (uri, derived)]
    predictions = PredictionsFolder.open(out)
    [name] = predictions.heads()
    return {
        "exit codes": [report.exit_code for report in reports],
        "documents": [documents(report) for report in reports],
        "deleted": (deletion.deleted, deletion.not_stored, deletion.blocked),
        "features": [Catalogue.open(uri, snapshot).digest() for snapshot in (None, "first")],
        "derived features": Catalogue.open(derived).digest(),
        "head": head.digest,
        "predictions": predictions.read(name).sort_by("doc_id").to_pylist(),
        "compacted": [(done.replaced, done.written, done.deleted) for done in compactions],
        "snapshots": [verification.snapshots for verification in found],
        "findings": [verification.findings for verification in found],
    }


def corpora_of(folder: Path, count: int) -> list[str]:
    first = texts(count)
    second = [*(row | {"text": f"changed {row['text']}"} for row in first[::5]), *texts(count // 10, start=count)]
    return [write_corpus(folder / name, rows) for name, rows in (("1.parquet", first), ("2.parquet", second))]


def run_through(
    proxy: FaultyProxy, bucket: str, folder: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """The loop with everything in the bucket, the corpora too."""
    monkeypatch.setenv("AWS_ENDPOINT", proxy.endpoint)
    objects = Objects.open(bucket)
    urls = []
    for path in map(Path, corpora_of(folder, count)):
        objects.put(f"corpora/{path.name}", path.read_bytes())
        urls.append(f"{bucket}/corpora/{path.name}")
    return the_loop(bucket, urls, folder, count)


def check(proxy: FaultyProxy, ways: Sequence[str], found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert set(wanted["exit codes"]) == {0}
    assert wanted["findings"] == [(), ()]
    assert len(wanted["predictions"]) > 0
    for what, value in wanted.items():
        assert found[what] == value, what
    happened, requests = proxy.schedule.happened, proxy.schedule.requests.total()
    print(f"{'+'.join(ways)}: {requests} requests; " + "; ".join(f"{n} × {fault}" for fault, n in happened.items()))
    assert set(happened) == {fault for way in ways for fault in WAYS[way]}


def test_the_loop_gives_the_same_through_every_fault(
    s3_bucket: str, s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = the_loop(str(tmp_path / "local"), corpora_of(tmp_path / "corpora", COUNT), tmp_path / "heads", COUNT)
    with faulty_proxy(s3_endpoint, delay=0.02) as proxy:
        found = run_through(proxy, s3_bucket, tmp_path / "through", COUNT, monkeypatch)
    check(proxy, list(WAYS), found, wanted)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("ways", "seed"),
    [*(([way], 0) for way in WAYS), *((list(WAYS), seed) for seed in (1, 2, 3))],
    ids=[*WAYS, "all-1", "all-2", "all-3"],
)
def test_the_loop_gives_the_same_through_each_way_of_failing(
    ways: list[str], seed: int, s3_bucket: str, s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that comes after the client's time limit is a lost one: the limit is a second here, the delay two."""
    wanted = the_loop(
        str(tmp_path / "local"), corpora_of(tmp_path / "corpora", SOAK_COUNT), tmp_path / "heads", SOAK_COUNT
    )
    monkeypatch.setenv("AWS_TIMEOUT", "1s")
    with faulty_proxy(s3_endpoint, ways, seed=seed, delay=2.0) as proxy:
        found = run_through(proxy, s3_bucket, tmp_path / "through", SOAK_COUNT, monkeypatch)
    check(proxy, ways, found, wanted)
