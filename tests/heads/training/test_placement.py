"""Heads that learn on a device: by its code on the CPU here, on CUDA where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from encore.heads import TrainSettings, train_head
from encore.heads.batches import Placement
from encore.heads.model.registry import POOLINGS
from encore.heads.training import examples as training_examples
from encore.heads.training import learners
from encore.heads.training.examples import Examples
from encore.heads.training.grid import train_grid
from encore.heads.training.trial import Trial
from tests.heads.building import block_of, learnable, spec_of

SETTINGS = TrainSettings(epochs=2, learning_rates=(1e-3,), batch_sizes=(8,), seeds=(5, 2, 0))
CPU = Placement()


def trained(settings: TrainSettings, placement: Placement, quantizer: str, layers: str) -> Sequence[Trial]:
    spec = spec_of(quantizer, layers)
    # Pairs, and single texts among them, which have no second text.
    block = block_of(spec, [2, 5, 3, 9] * 10, first_lengths=[1, 5, 2, 4] * 10)
    examples = Examples(block, np.arange(40) % 3, spec, 3, placement)
    return train_grid(examples, examples, settings.grid(""), settings, None)


@pytest.mark.parametrize("quantizer", ["sign", "float16", "int4"])
@pytest.mark.parametrize("layers", ["mean:4", "stack:3"])
def test_a_devices_way_gives_the_heads_of_the_cpus(
    quantizer: str, layers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(SETTINGS, poolings=tuple(POOLINGS), patience=1)
    expected = trained(settings, CPU, quantizer, layers)
    monkeypatch.setattr(Placement, "accelerated", True)
    monkeypatch.setattr(learners, "HandLearner", None)
    # What is not decoded by the table would lie on the CPU.
    monkeypatch.setattr(training_examples, "decode", None)
    monkeypatch.setattr(learners, "DEVICE_STACK", 2)
    for one, other in zip(trained(settings, CPU, quantizer, layers), expected, strict=True):
        assert [epoch.dev_accuracy for epoch in one.history] == [epoch.dev_accuracy for epoch in other.history]
        torch.testing.assert_close(one.values, other.values, rtol=1e-3, atol=2e-5)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("layers", ["mean:4", "stack:3"])
def test_a_head_of_cuda_is_the_head_of_the_cpu(layers: str) -> None:
    settings = replace(SETTINGS, poolings=tuple(POOLINGS))
    expected = trained(settings, CPU, "sign", layers)
    found = trained(settings, Placement(torch.device("cuda")), "sign", layers)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.best_model().state_dict(), other.best_model().state_dict(), rtol=1e-2, atol=2e-4)


def test_with_bfloat16_products_parameters_stay_float32_and_it_learns() -> None:
    spec = spec_of("float16")
    (block, codes), (dev, dev_codes) = learnable(spec, 90, 3), learnable(spec, 60, 3, seed=1)
    settings = TrainSettings(poolings=("attention",), epochs=12, learning_rates=(3e-3,), seeds=(0, 1))
    halves, singles = (
        train_head(
            block,
            codes,
            spec,
            ("x", "y", "z"),
            dev=dev,
            dev_codes=dev_codes,
            settings=settings,
            placement=Placement(dtype=dtype),
        )
        for dtype in (torch.bfloat16, torch.float32)
    )
    assert {value.dtype for value in halves.model.state_dict().values()} == {torch.float32}
    assert halves.evaluation is not None
    assert singles.evaluation is not None
    assert halves.evaluation.accuracy > singles.evaluation.accuracy - 0.1
    assert halves.history[0].loss != singles.history[0].loss
    assert halves.history[0].loss == pytest.approx(singles.history[0].loss, rel=0.05)
