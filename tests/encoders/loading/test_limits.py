"""Settings that claim more than the weights hold are refused before memory is taken for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from encore.encoders import load_encoder
from tests.encoders.editing import edit_json
from tests.encoders.refusal import refused
from tests.models import tiny_bert


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tiny_bert(tmp_path / "model")


@pytest.mark.parametrize(
    "claim",
    [
        {"vocab_size": 10**11},
        {"max_position_embeddings": 10**11},
        {"type_vocab_size": 10**11},
        {"intermediate_size": 10**10},
        {"hidden_size": 2 * 10**6},
    ],
)
def test_sizes_that_the_weights_do_not_have_take_no_memory(path: Path, claim: dict[str, int]) -> None:
    edit_json(path / "config.json", **claim)
    message = refused(path)
    assert "its config.json claims weights of" in message
    assert "GB, and its files have 0.0 GB" in message


def test_layers_that_no_encoder_has_are_not_made(path: Path) -> None:
    edit_json(path / "config.json", num_hidden_layers=10**9)
    assert "its config.json claims 1,000,000,000 layers, more than any has" in refused(path)


def test_a_size_that_differs_a_little_is_said_by_the_name_of_the_weight(path: Path) -> None:
    edit_json(path / "config.json", vocab_size=10_000)
    assert "embeddings.word_embeddings.weight among them" in refused(path)


def test_weights_of_half_precision_are_taken(path: Path) -> None:
    weights = {name: tensor.half() for name, tensor in load_file(path / "model.safetensors").items()}
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    assert load_encoder(str(path), device="cpu").spec.hidden_size == 32
