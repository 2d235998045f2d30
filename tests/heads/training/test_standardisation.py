"""Standardised inputs: what mean and deviation are of, and what the saved head makes of features as they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from encore.featurestore import FeatureBlock, FeatureSpec
from encore.heads import HeadModel, TrainSettings, train_head
from encore.heads.batches import Placement
from encore.heads.model.standardisation import Standardisation
from encore.heads.training.examples import Examples
from encore.heads.training.grid import train_grid
from encore.heads.training.learners import learners_of
from encore.heads.training.standardisation import LEAST_DEVIATION, SAMPLE, standardisation_of
from tests.heads.building import block_of, learnable, spec_of


def standard_of(block: FeatureBlock, spec: FeatureSpec, pooling: str) -> Standardisation:
    mix = "learned" if spec.layers.stacked else None
    design = HeadModel.build(spec, 2, pooling, layer_mix=mix)
    return standardisation_of(Examples(block, np.zeros(len(block), np.int64), spec, 2), design)


def require(standard: Standardisation, vectors: np.ndarray) -> None:
    """Check that mean and scale are those of vectors (vectors, d)."""
    deviation = vectors.std(axis=0)
    least = LEAST_DEVIATION * np.sort(deviation)[(len(deviation) - 1) // 2]
    np.testing.assert_allclose(standard.mean.numpy(), vectors.mean(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(standard.scale.numpy(), 1 / np.maximum(deviation, least), rtol=1e-4)


def vectors_of(block: FeatureBlock, spec: FeatureSpec) -> np.ndarray:
    """(tokens, [layers,] d) of all documents."""
    return spec.quantizer.dequantize(torch.from_numpy(block.packed), spec.width).double().numpy()


@pytest.mark.parametrize("layers", ["mean:4", "stack:3"])
@pytest.mark.parametrize("quantizer", ["float16", "sign"])
def test_heads_that_learn_to_pool_see_standardised_tokens(layers: str, quantizer: str) -> None:
    spec = spec_of(quantizer, layers)
    block = block_of(spec, [3, 1, 8, 20, 5])
    vectors = vectors_of(block, spec)
    require(standard_of(block, spec, "attention"), vectors.mean(axis=1) if spec.layers.stacked else vectors)


@pytest.mark.parametrize("layers", ["mean:4", "stack:3"])
def test_heads_that_do_not_see_standardised_pooled_vectors(layers: str) -> None:
    spec = spec_of("float16", layers)
    block = block_of(spec, [3, 1, 8, 20, 5])
    vectors = vectors_of(block, spec)
    documents = np.split(vectors.mean(axis=1) if spec.layers.stacked else vectors, block.offsets[1:-1])
    require(standard_of(block, spec, "mean"), np.stack([document.mean(axis=0) for document in documents]))
    require(standard_of(block, spec, "cls"), np.stack([document[0] for document in documents]))


def test_of_many_documents_every_second_one_is_looked_at() -> None:
    spec = spec_of("float16", positions="mean")
    block = block_of(spec, [1] * (SAMPLE + 1))
    require(standard_of(block, spec, "mean"), vectors_of(block, spec)[::2])


@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_a_dimension_that_never_moves_is_no_number_out_of_range(pooling: str) -> None:
    spec = spec_of("float16")
    block = block_of(spec, [4] * 20)
    block.packed[:, 3] = 7
    standard = standard_of(block, spec, pooling)
    assert float(standard.mean[3]) == 7
    assert 0 < float(standard.scale[3]) <= float(standard.scale.max())
    block.packed[:] = 7
    assert torch.equal(standard_of(block, spec, pooling).scale, torch.zeros(spec.width))


@pytest.mark.parametrize("pooling", ["mean", "cls", "attention", "pair"])
@pytest.mark.parametrize("still", [0.1, 7, 100.3])
def test_where_most_dimensions_never_move_rounding_is_not_blown_up(still: float, pooling: str) -> None:
    spec = spec_of("float16")
    block = block_of(spec, [1, 3, 4, 7] * 20)
    block.packed[:, 4:] = still
    scale = standard_of(block, spec, pooling).scale
    deviations = (1 / scale[:4]).sort().values
    torch.testing.assert_close(1 / scale[4:], (LEAST_DEVIATION * deviations[1]).expand(spec.width - 4))
    block.packed[:] = still
    assert torch.equal(standard_of(block, spec, pooling).scale, torch.zeros(spec.width))


@pytest.mark.parametrize("pooling", ["mean", "attention"])
@pytest.mark.parametrize("layers", ["mean:4", "stack:3"])
def test_the_saved_head_predicts_what_it_did_while_it_learned(pooling: str, layers: str) -> None:
    spec = spec_of("float16", layers)
    (block, codes), (dev, dev_codes) = learnable(spec, 90, 3), learnable(spec, 60, 3, seed=1)
    settings = TrainSettings(poolings=(pooling,), epochs=6, learning_rates=(3e-3,))
    head = train_head(block, codes, spec, ("x", "y", "z"), dev=dev, dev_codes=dev_codes, settings=settings)
    predicted = Examples(dev, dev_codes, spec, 3).predict(head.model)
    assert head.evaluation is not None
    assert float((predicted == dev_codes).mean()) == head.evaluation.accuracy


@pytest.mark.parametrize("quantizer", ["float16", "sign"])
@pytest.mark.parametrize("layers", ["mean:4", "stack:3"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "attention", "pair"])
def test_a_folded_head_gives_the_logits_that_it_gave_before(pooling: str, layers: str, quantizer: str) -> None:
    spec = spec_of(quantizer, layers)
    # Pairs, and single texts among them, which have no second text.
    block = block_of(spec, [2, 5, 3, 9] * 5, first_lengths=[1, 5, 2, 4] * 5)
    examples = Examples(block, np.arange(20) % 2, spec, 2)
    settings = TrainSettings(poolings=(pooling,), epochs=2, learning_rates=(1e-2,))
    (run,) = train_grid(examples, None, settings.grid(pooling), settings, None)
    documents = np.arange(20)
    batch = examples.batch(documents, run.design.mix, of_pairs=run.design.of_pairs)
    (before,) = learners_of([run], Placement())[0].logits(batch)
    torch.testing.assert_close(examples.logits(run.best_model(), documents), before, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scales", [[1e-2], [1e2], [1, 1, 1, 1, 1e2, 1, 1]], ids=["small", "large", "some large"])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_default_settings_learn_whatever_the_scale_of_a_dimension(scales: Sequence[float], pooling: str) -> None:
    spec = spec_of("float16", positions=pooling, width=384)
    random = np.random.default_rng(0)
    values = random.standard_normal((300, spec.width))
    values[:, :30] += random.standard_normal((300, 1))
    codes = (values[:, :30].sum(axis=1) > 0).astype(np.int64)
    # Far from zero, as an encoder's dimensions are.
    values = (values + 3) * np.resize(scales, spec.width)
    block = block_of(spec, [1] * len(values))
    block.packed[:] = values.astype(block.packed.dtype)
    dev = block.slice(200, 300)
    head = train_head(block.slice(0, 200), codes[:200], spec, ("x", "y"), dev=dev, dev_codes=codes[200:])
    assert head.evaluation is not None
    assert head.evaluation.accuracy >= 0.9
