"""A head that a stranger made: what it cannot answer is an error by its name, never the first class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from encore.featurestore import Catalogue, StoreError, UsageError
from encore.pipelines.predict_job import PredictRequest, predict
from encore.pipelines.predictions import PredictionsFolder
from tests.pipelines.backfill.trained_heads import run_backfill, train
from tests.pipelines.jobs import run_encode, texts, write_corpus

COUNT = 20


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    return write_corpus(tmp_path / "a.parquet", texts(COUNT * 2))


@pytest.fixture
def store(tmp_path: Path, corpus: str) -> Catalogue:
    run_encode(tmp_path / "store", corpus, unit_rows=COUNT)
    return Catalogue.open(str(tmp_path / "store"))


@pytest.fixture
def too_large(store: Catalogue, tmp_path: Path) -> str:
    """A head of finite weights whose products are not."""
    head = train(store, tmp_path, "huge")
    head.model.load_state_dict({name: tensor * 1e37 for name, tensor in head.model.state_dict().items()})
    head.__dict__.pop("digest", None)
    head.save(tmp_path / "huge")
    return str(tmp_path / "huge")


def test_a_head_too_large_to_compute_with_fails_each_segment_by_name(
    store: Catalogue, tmp_path: Path, too_large: str
) -> None:
    report = run_backfill(store, tmp_path, Path(too_large).name)
    assert report.exit_code == 1
    assert set(report.document["failures"]) == {"0", "1"}
    for failure in report.document["failures"].values():
        assert failure["stage"] == "score"
        assert f"head huge: gives {COUNT} of {COUNT} documents no probability (NaN)" in failure["reason"]
    assert PredictionsFolder.open(str(tmp_path / "out")).files() == []


def test_a_head_too_large_to_compute_with_predicts_nothing(corpus: str, too_large: str) -> None:
    with pytest.raises(StoreError, match=r"head huge: gives 40 of 40 documents no probability \(NaN\)"):
        predict(PredictRequest((corpus,), (too_large,), device="cpu"))


@pytest.fixture
def from_the_hub(store: Catalogue, tmp_path: Path) -> str:
    """A head that names an encoder of the hub."""
    head = train(store, tmp_path, "far")
    encoder = replace(head.spec.encoder, source="hf:someone/theirs")
    replace(head, spec=replace(head.spec, encoder=encoder)).save(tmp_path / "far")
    return str(tmp_path / "far")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, store: Catalogue) -> list[bool]:
    """Whether each request for an encoder reached the hub, which has it; this machine has not."""
    reached: list[bool] = []

    def snapshot_download(model_id: str, *, local_files_only: bool, **_: object) -> str:
        assert model_id == "someone/theirs"
        reached.append(not local_files_only)
        if local_files_only:
            raise LocalEntryNotFoundError("not here")
        return store.spec.encoder.source

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return reached


def test_predict_fetches_no_encoder_that_a_head_alone_names(corpus: str, from_the_hub: str, asked: list[bool]) -> None:
    with pytest.raises(UsageError, match=r"hf:someone/theirs: not on this machine.*--allow-download fetches it"):
        predict(PredictRequest((corpus,), (from_the_hub,), device="cpu"))
    assert asked == [False]


def test_predict_fetches_an_encoder_where_that_is_allowed(corpus: str, from_the_hub: str, asked: list[bool]) -> None:
    predicted = predict(PredictRequest((corpus,), (from_the_hub,), allow_download=True, device="cpu"))
    assert (predicted.table.num_rows, asked) == (40, [True])


def test_predict_fetches_an_encoder_that_its_caller_names(corpus: str, from_the_hub: str, asked: list[bool]) -> None:
    request = PredictRequest((corpus,), (from_the_hub,), encoder="hf:someone/theirs", device="cpu")
    assert (predict(request).table.num_rows, asked) == (40, [True])


def test_predict_takes_an_encoder_that_was_fetched_before(
    corpus: str, from_the_hub: str, store: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: store.spec.encoder.source)
    assert predict(PredictRequest((corpus,), (from_the_hub,), device="cpu")).table.num_rows == 40
