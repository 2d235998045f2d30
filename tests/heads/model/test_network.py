"""A head's module fits the spec it is built for."""

from __future__ import annotations

import pytest
import torch

from encore.featurestore import UsageError
from encore.heads import HeadModel
from encore.heads.batches.batch import Batch
from tests.heads.building import model_of, spec_of


@pytest.mark.parametrize("pooling", ["attention", "cls", "mean"])
@pytest.mark.parametrize("layers", ["mean:4", "stack:4"])
def test_padded_features_become_logits(pooling: str, layers: str) -> None:
    spec = spec_of(layers=layers)
    shape = (3, 5, 16) if spec.layers.stacked is None else (3, 5, 4, 16)
    values, lengths = torch.randn(shape), torch.tensor([1, 5, 3])
    model = model_of(spec, pooling, 2, seed=0)
    logits = model(Batch.of(values, lengths))
    assert logits.shape == (3, 2)
    torch.testing.assert_close(model(Batch.of(values[2:, :3], lengths[2:])), logits[2:])


@pytest.mark.parametrize("layers", ["mean:4", "stack:4"])
def test_several_queries_make_a_wider_input_and_the_same_inner_width(layers: str) -> None:
    spec = spec_of(layers=layers)
    model = model_of(spec, "attention", 2, seed=0, queries=3)
    assert model.classifier.hidden.weight.shape == (16, 48)
    shape = (3, 5, 16) if spec.layers.stacked is None else (3, 5, 4, 16)
    values, lengths = torch.randn(shape), torch.tensor([1, 5, 3])
    logits = model(Batch.of(values, lengths))
    assert logits.shape == (3, 2)
    torch.testing.assert_close(model(Batch.of(values[2:, :3], lengths[2:])), logits[2:])


def test_stacked_layers_are_mixed_before_they_are_pooled() -> None:
    stacked = model_of(spec_of(layers="stack:4"), "attention", 2, seed=0, layer_mix="uniform")
    values, lengths = torch.randn(3, 5, 4, 16), torch.tensor([1, 5, 3])
    alone = HeadModel(None, stacked.pooling, stacked.classifier)
    torch.testing.assert_close(stacked(Batch.of(values, lengths)), alone(Batch.of(values.mean(dim=2), lengths)))


def test_a_layer_mix_is_for_stacked_layers_and_for_them_alone() -> None:
    with pytest.raises(UsageError, match="layer mix learned: the store holds layers mean:4; expected none"):
        HeadModel.build(spec_of(), 2, "mean", layer_mix="learned")
    with pytest.raises(UsageError, match="layer mix None: the store holds layers stack:4; expected uniform or learned"):
        HeadModel.build(spec_of(layers="stack:4"), 2, "mean")
