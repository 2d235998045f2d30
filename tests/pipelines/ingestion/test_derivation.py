from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from encore.featurestore import Catalogue, SpecMismatch, UsageError
from encore.pipelines.ingestion.derivation import DeriveRequest, derive
from encore.pipelines.runs.report import JobReport
from tests.pipelines.jobs import ONE_WORKER, documents, run_encode, texts, write_corpus
from tests.templates import copied


def run_derive(source: Path, store: Path, **request: str) -> JobReport:
    return derive(DeriveRequest(str(source), str(store), **request), beam_options=ONE_WORKER)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    corpus = write_corpus(folder / "a.parquet", texts(40))
    run_encode(folder / "rich", corpus, layers="stack:3", quantizer="float16", unit_rows=15)
    return folder


@pytest.fixture
def rich(template: Path, tmp_path: Path) -> Path:
    return copied(template, tmp_path) / "rich"


def floats(store: Path) -> np.ndarray:
    opened = Catalogue.open(str(store))
    block = opened.gather([f"d{i}" for i in range(40)])
    return opened.spec.quantizer.dequantize(torch.from_numpy(block.packed), opened.spec.width).numpy()


@pytest.mark.parametrize(
    ("layers", "positions"),
    [("mean:3", "tokens"), ("mean:2", "mean"), ("last", "cls"), ("layer:2", "tokens"), ("stack:2", "mean")],
)
def test_derived_features_are_those_that_encoding_would_have_given(
    rich: Path, tmp_path: Path, layers: str, positions: str
) -> None:
    report = run_derive(rich, tmp_path / "derived", layers=layers, positions=positions)
    assert (report.exit_code, documents(report)["encoded"]) == (0, 40)
    run_encode(
        tmp_path / "direct", str(tmp_path / "a.parquet"), layers=layers, positions=positions, quantizer="float16"
    )
    assert (
        Catalogue.open(str(tmp_path / "derived")).spec.fingerprint
        == Catalogue.open(str(tmp_path / "direct")).spec.fingerprint
    )
    # The rich store has rounded each layer to half precision before it is averaged.
    np.testing.assert_allclose(floats(tmp_path / "derived"), floats(tmp_path / "direct"), atol=4e-3)


def test_signs_derived_from_float16_are_those_that_encoding_would_have_given(rich: Path, tmp_path: Path) -> None:
    run_derive(rich, tmp_path / "derived", layers="mean:3", quantizer="sign")
    run_encode(tmp_path / "direct", str(tmp_path / "a.parquet"), layers="mean:3", quantizer="sign")
    assert (floats(tmp_path / "derived") == floats(tmp_path / "direct")).mean() > 0.998


def test_a_rerun_derives_only_what_the_source_has_gained(rich: Path, tmp_path: Path) -> None:
    run_derive(rich, tmp_path / "derived", layers="last", quantizer="sign")
    again = run_derive(rich, tmp_path / "derived", layers="last", quantizer="sign")
    assert (documents(again)["skipped"], again.document["committed"]) == (40, False)
    changed = [{"doc_id": "d3", "text": "another text"}]
    more = write_corpus(tmp_path / "b.parquet", [*changed, *texts(5, start=40)])
    run_encode(rich, more, layers="stack:3", quantizer="float16")
    report = run_derive(rich, tmp_path / "derived", layers="last", quantizer="sign")
    assert (documents(report)["encoded"], documents(report)["superseded"]) == (6, 1)
    assert len(Catalogue.open(str(tmp_path / "derived"))) == 45


def test_a_derived_uint8_store_is_calibrated_once_and_lends_its_calibration(rich: Path, tmp_path: Path) -> None:
    own = run_derive(rich, tmp_path / "own", layers="mean:3", quantizer="uint8:per-dimension")
    lent = run_derive(
        rich, tmp_path / "lent", layers="mean:3", quantizer="uint8:per-dimension", like=str(tmp_path / "own")
    )
    assert own.document["fingerprint"] == lent.document["fingerprint"]
    assert Catalogue.open(str(tmp_path / "own")).digest() == Catalogue.open(str(tmp_path / "lent")).digest()
    derived = floats(tmp_path / "own")
    run_derive(rich, tmp_path / "float", layers="mean:3")
    scale = np.array(Catalogue.open(str(tmp_path / "own")).spec.quantizer.to_dict()["scale"])
    assert (np.abs(derived - floats(tmp_path / "float")) <= scale * 0.51 + 4e-3).all()


def test_the_derived_store_names_its_source(rich: Path, tmp_path: Path) -> None:
    report = run_derive(rich, tmp_path / "derived", quantizer="sign")
    fingerprint = Catalogue.open(str(rich)).spec.fingerprint
    assert Catalogue.open(str(tmp_path / "derived")).spec.derived_from == fingerprint
    assert report.document["source"]["fingerprint"] == fingerprint


def test_what_the_source_does_not_hold_is_refused_before_a_store_is_made(rich: Path, tmp_path: Path) -> None:
    run_derive(rich, tmp_path / "poor", layers="last", quantizer="sign")
    with pytest.raises(UsageError, match="float16"):
        run_derive(tmp_path / "poor", tmp_path / "other", quantizer="uint8")
    with pytest.raises(UsageError, match="stack:2"):
        run_derive(tmp_path / "poor", tmp_path / "other", layers="mean:2")
    with pytest.raises(UsageError, match="cannot be derived from itself"):
        run_derive(rich, rich)
    assert not (tmp_path / "other").exists()


def test_another_derivation_into_the_same_store_is_refused(rich: Path, tmp_path: Path) -> None:
    run_derive(rich, tmp_path / "derived", layers="last", quantizer="sign")
    with pytest.raises(SpecMismatch, match=r"layers +last +\| +mean:2"):
        run_derive(rich, tmp_path / "derived", layers="mean:2", quantizer="sign")
