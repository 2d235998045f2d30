"""Features that are derived in memory are those that a derived store holds, and heads on them are the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from encore.experiments.bench import task_bench
from encore.experiments.bench.task_bench import TaskBench, calibrated
from encore.featurestore import Catalogue, FeatureBlock, FeatureSpec, parse_quantizer
from encore.featurestore.derivation import Derivation
from encore.heads import Labels, Split, TrainSettings, read_labels, train_head
from encore.pipelines.ingestion import DeriveRequest, derive
from encore.pipelines.progress import SilentDisplay
from tests.experiments.tradeoff.building import rich_store

SETTINGS = [
    ("stack:3", "tokens", "float16"),
    ("mean:2", "tokens", "sign"),
    ("last", "mean", "uint8:per-dimension"),
    ("stack:2", "cls", "float16"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rich_store(tmp_path_factory.mktemp("rich"))


@pytest.fixture(scope="module")
def rich(folder: Path) -> Catalogue:
    return Catalogue.open(str(folder / "rich"))


@pytest.fixture(scope="module")
def split(folder: Path) -> Split:
    return Split.given(read_labels(str(folder / "three-train.csv")), read_labels(str(folder / "three-dev.csv")))


def bench_of(rich: Catalogue, split: Split) -> TaskBench:
    return TaskBench(rich, split.train, dev_of(split), split.classes)


def dev_of(split: Split) -> Labels:
    assert split.dev is not None
    return split.dev


def spec_of(rich: Catalogue, layers: str, positions: str, quantizer: str) -> FeatureSpec:
    derivation = Derivation.build(rich.spec, layers, positions, parse_quantizer(quantizer))
    return derivation.target.with_quantizer(calibrated(rich, derivation))


def same(one: FeatureBlock, other: FeatureBlock) -> bool:
    return np.array_equal(one.packed, other.packed) and np.array_equal(one.offsets, other.offsets)


@pytest.mark.parametrize("setting", SETTINGS, ids=" ".join)
def test_what_is_derived_in_memory_is_what_a_derived_store_holds(
    tmp_path: Path, rich: Catalogue, split: Split, setting: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_bench, "DERIVE_BYTES", 2000)
    report = derive(DeriveRequest(rich.uri, str(tmp_path / "poor"), *setting), display=SilentDisplay())
    assert not report.exit_code
    poor = Catalogue.open(str(tmp_path / "poor"))
    found = bench_of(rich, split).derive(spec_of(rich, *setting))
    assert found.train.spec.fingerprint == poor.spec.fingerprint
    assert same(found.train.block, poor.gather(split.train.doc_ids))
    assert same(found.dev.block, poor.gather(dev_of(split).doc_ids))


def test_a_head_is_the_one_that_is_trained_on_the_features_themselves(rich: Catalogue, split: Split) -> None:
    spec, settings = spec_of(rich, *SETTINGS[1]), TrainSettings(epochs=1, seeds=(3,))
    examples = bench_of(rich, split).derive(spec)
    found = examples.train_head(settings)
    expected = train_head(
        examples.train.block,
        split.train.codes(split.classes),
        spec,
        split.classes,
        dev=examples.dev.block,
        dev_codes=dev_of(split).codes(split.classes),
        settings=settings,
    )
    assert found.evaluation is not None
    assert expected.evaluation is not None
    assert found.evaluation.to_dict() == expected.evaluation.to_dict()


def test_the_rich_features_themselves_are_not_copied(rich: Catalogue, split: Split) -> None:
    block = rich.gather(split.train.doc_ids)
    assert task_bench.derived(block, rich.spec, spec_of(rich, *SETTINGS[0])) is block
