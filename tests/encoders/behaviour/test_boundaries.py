"""Lengths at which an encoder begins to compute in another way are read off its settings."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import AutoConfig

from encore.encoders.behaviour.boundaries import boundaries_of


@pytest.mark.parametrize(
    ("model_type", "settings", "expected"),
    [
        ("bert", {}, ()),
        ("roberta", {}, ()),
        ("gpt2", {}, ()),
        ("t5", {}, ()),
        ("mpt", {}, ()),
        ("xlnet", {}, ()),
        ("mistral", {"sliding_window": 4096}, (4096,)),
        ("modernbert", {}, (128,)),
        ("longformer", {"attention_window": [256, 512]}, (256, 512)),
        ("big_bird", {"block_size": 64, "num_random_blocks": 3}, (64, 704)),
        ("nystromformer", {"num_landmarks": 32}, (32, 64)),
        ("gpt_neo", {}, (256,)),
        ("llama4_text", {}, (8192,)),
        ("mamba2", {"chunk_size": 128}, (128,)),
        ("phi3", {"original_max_position_embeddings": 2048}, (2048,)),
        ("recurrent_gemma", {}, (2048,)),
        ("canine", {}, (128,)),
    ],
)
def test_windows_blocks_and_stretched_lengths_are_boundaries(
    model_type: str, settings: dict[str, Any], expected: tuple[int, ...]
) -> None:
    assert boundaries_of(AutoConfig.for_model(model_type, **settings).to_dict()) == expected


def test_settings_inside_settings_count() -> None:
    rope = {"rope_type": "longrope", "original_max_position_embeddings": 512, "factor": 4}
    assert boundaries_of({"rope_parameters": {"full_attention": rope}, "sliding_window": None}) == (512,)
    assert boundaries_of({"sliding_window": True, "attention_window": 1, "name": "window"}) == ()
