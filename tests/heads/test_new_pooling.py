"""A pooling is a file and a registry line: with these alone it trains, is kept, and scores on any device."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from encore.featurestore import FeatureBlock, FeatureSpec, UsageError
from encore.featurestore.common import Int64s
from encore.heads import POOLINGS, Head, Scorer, TrainedHead, TrainSettings, train_head
from encore.heads.model.registry import kind_of
from encore.heads.scoring.device import DeviceScoring
from encore.heads.training.examples import Examples
from tests.heads.building import block_of, by_module, family, head_of, spec_of
from tests.heads.toy_poolings import TOYS

CLASSES = ("no", "perhaps", "yes")
LAYERS = {"one vector a token": "mean:4", "layers to mix": "stack:3"}


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, pooling in TOYS.items():
        monkeypatch.setitem(POOLINGS, name, pooling)  # type: ignore[arg-type]


def told_by_every_token(spec: FeatureSpec, documents: int, seed: int = 0) -> tuple[FeatureBlock, Int64s]:
    """Pairs of 1 to 9 tokens a text whose class shows in each of them."""
    random = np.random.default_rng(seed)
    codes = np.arange(documents) % len(CLASSES)
    first = random.integers(1, 10, documents)
    lengths = first + random.integers(1, 10, documents)
    block = block_of(spec, lengths.tolist(), seed, first.tolist())
    block.packed[:] = random.standard_normal(block.packed.shape)
    block.packed[..., : len(CLASSES)] += 3 * np.eye(len(CLASSES))[np.repeat(codes, lengths)].reshape(
        len(block.packed), *[1] * (block.packed.ndim - 2), len(CLASSES)
    )
    return block, codes.astype(np.int64)


def trained(pooling: str, layers: str = "mean:4", **settings: object) -> TrainedHead:
    spec = spec_of("float16", layers)
    (block, codes), (dev, dev_codes) = told_by_every_token(spec, 150), told_by_every_token(spec, 60, seed=1)
    asked = TrainSettings(poolings=(pooling,), epochs=8, learning_rates=(3e-3,), batch_sizes=(16,), **settings)  # type: ignore[arg-type]
    return train_head(block, codes, spec, CLASSES, dev=dev, dev_codes=dev_codes, settings=asked)


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("pooling", TOYS)
def test_it_trains_and_is_the_same_head_when_it_is_read_back(pooling: str, layers: str, tmp_path: Path) -> None:
    found = trained(pooling, layers)
    assert found.evaluation is not None
    assert found.evaluation.accuracy >= 0.8
    assert found.history[-1].loss < 0.7 * found.history[0].loss
    # What is kept takes features as they are stored, and says what it said while it learned.
    dev, dev_codes = told_by_every_token(found.spec, 60, seed=1)
    predicted = Examples(dev, dev_codes, found.spec, len(CLASSES)).predict(found.model)
    assert float((predicted == dev_codes).mean()) == found.evaluation.accuracy
    head = found.head("task")
    head.save(tmp_path / "head")
    loaded = Head.load(tmp_path / "head")
    assert loaded.digest == head.digest
    assert kind_of(loaded.model.pooling) == pooling
    assert np.array_equal(by_module(loaded, found.spec, dev), by_module(head, found.spec, dev))
    if layers.startswith("stack"):
        assert loaded.model.mix is not None
        assert loaded.model.mix.weights.std() > 0


@pytest.mark.parametrize(
    ("pooling", "kept"), [("max", False), ("gate", True), ("ends", True), ("text-means", False), ("negative", False)]
)
def test_a_head_standardises_its_tokens_ever_after_where_that_cannot_be_folded_away(pooling: str, kept: bool) -> None:
    head = trained(pooling).head("task")
    files = head.to_files()
    assert json.loads(files["head.json"])["design"].get("standardised", False) is kept
    assert (b"standard.mean" in files["weights.safetensors"]) is kept
    plain = trained(pooling, standardise=False).head("task")
    assert "standardised" not in json.loads(plain.to_files()["head.json"])["design"]
    assert plain.digest != head.digest


@pytest.mark.parametrize("pooling", TOYS)
def test_the_same_seed_gives_the_same_head_and_torchs_generator_stays_where_it_is(pooling: str) -> None:
    before = torch.random.get_rng_state()
    first, second = (trained(pooling).head("task") for _ in range(2))
    assert first.digest == second.digest
    assert torch.equal(before, torch.random.get_rng_state())


def test_it_trains_in_a_grid_with_others_whatever_the_number_of_threads() -> None:
    spec = spec_of("float16")
    block, codes = told_by_every_token(spec, 60)
    settings = TrainSettings(poolings=("attention", *TOYS), epochs=2, seeds=(0, 1), patience=1)
    heads = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        try:
            heads.append(train_head(block, codes, spec, CLASSES, dev=block, dev_codes=codes, settings=settings))
        finally:
            torch.set_num_threads(1)
    first, second = ([(epoch.point, epoch.loss, epoch.dev_accuracy) for epoch in head.history] for head in heads)
    assert first == second
    assert {point[0] for point, _, _ in first} == {"attention", *TOYS}
    alone = train_head(
        block,
        codes,
        spec,
        CLASSES,
        dev=block,
        dev_codes=codes,
        settings=TrainSettings(poolings=("gate",), epochs=2, seeds=(1,), order_seed=0, patience=1),
    )
    assert [epoch.loss for epoch in alone.history] == [loss for point, loss, _ in first if point[::3] == ("gate", 1)]


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_it_scores_among_others_as_its_module_does_on_the_cpu_and_on_a_device(layers: str) -> None:
    spec = spec_of("uint8", layers)
    heads = [*(head_of(spec, pooling, seed=seed) for seed, pooling in enumerate(TOYS)), *family(spec)]
    heads.append(head_of(spec, "negative", seed=20, queries=2))
    block = block_of(spec, [3, 1, 9, 20, 2] * 30, first_lengths=[1, 1, 8, 20, 1] * 30)
    device = DeviceScoring([head.model for head in heads], spec, torch.device("cpu"))
    answers = zip(Scorer(heads, spec).score(block), device.probabilities(block, block.first_lengths), strict=True)
    for head, (scores, on_device) in zip(heads, answers, strict=True):
        expected = by_module(head, spec, block)
        np.testing.assert_allclose(scores.probabilities, expected, atol=1e-5)
        np.testing.assert_allclose(on_device, expected, atol=1e-5)
    for head, alone in ((head, Scorer([head], spec).score(block)[0]) for head in heads[: len(TOYS)]):
        np.testing.assert_allclose(alone.probabilities, by_module(head, spec, block), atol=1e-5)


def test_it_is_refused_what_it_does_not_have() -> None:
    with pytest.raises(UsageError, match="queries 2: pooling gate has none"):
        TrainSettings(poolings=("gate",), queries=2)
    with pytest.raises(UsageError, match="attention heads 4: pooling max has none"):
        trained("max", attention_heads=4)
    spec = spec_of("float16")
    with pytest.raises(UsageError, match="pooling text-means: none of the training documents is a pair"):
        train_head(
            block_of(spec, [2, 3, 1]),
            np.arange(3),
            spec,
            CLASSES,
            settings=TrainSettings(poolings=("text-means",)),
        )
