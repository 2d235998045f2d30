"""A look at a model leaves it as it was, whatever its forward pass does to itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import Linear, Module

from encore.encoders.behaviour.shape import run_sample
from encore.encoders.files.sources import find_files
from encore.encoders.loading.components import load_tokenizer, unlimited
from encore.encoders.transformer.state import restored_after, state_changes, state_of
from tests.encoders.architectures import build, named, save


class Config:
    """Settings of a model, as transformers keeps them: an object with attributes."""

    def __init__(self) -> None:
        self.mode = "sparse"
        self.nested = {"length": 4}


class Restless(Module):
    """Changes all that a module can hold."""

    def __init__(self) -> None:
        super().__init__()
        self.config = Config()
        self.mode = "sparse"
        self.layer = Linear(2, 2)
        self.register_buffer("frequencies", torch.ones(3))

    def forward(self) -> None:
        self.config.mode = self.mode = "full"
        self.config.nested["length"] = 8
        self.layer = Linear(2, 2)
        self.cached = torch.zeros(1)
        self.frequencies.mul_(2.0)
        self.register_buffer("mask", torch.ones(1))
        self.eval()


def test_what_a_run_changes_is_taken_back() -> None:
    model = Restless()
    layer, before = model.layer, state_of(model)
    with restored_after(model):
        model()
        assert state_changes(before, state_of(model)) == [".training", ".mode", ".frequencies", "layer.training"]
    assert state_changes(before, state_of(model)) == []
    assert (model.layer, model.training, model.mode) == (layer, True, "sparse")
    assert (model.config.mode, model.config.nested) == ("sparse", {"length": 4})
    assert not hasattr(model, "cached")
    assert list(dict(model.named_buffers())) == ["frequencies"]


def test_it_is_taken_back_when_the_run_fails() -> None:
    model = Restless()

    def fails() -> None:
        model()
        raise ValueError("of the run")

    with pytest.raises(ValueError, match="of the run"), restored_after(model):
        fails()
    assert model.mode == "sparse"


def test_hooks_that_a_run_adds_stay_with_the_flag_that_says_so() -> None:
    model = Restless()
    with restored_after(model):
        model.layer.register_forward_hook(lambda *_: None)
        model.hooks_installed = True
    assert len(model.layer._forward_hooks) == 1
    assert model.hooks_installed


def test_a_short_text_leaves_bigbird_s_sparse_attention(tmp_path: Path) -> None:
    row = named("BigBird with sparse attention")
    model, files = build(row), find_files(str(save(row, tmp_path)))
    run_sample(model, unlimited(load_tokenizer(files)))
    assert model.attention_type == "block_sparse"
    assert {layer.attention.attention_type for layer in model.encoder.layer} == {"block_sparse"}
    assert "Sparse" in type(model.encoder.layer[0].attention.self).__name__
