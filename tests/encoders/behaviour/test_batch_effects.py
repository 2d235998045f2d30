"""Encore runs an encoder to find out whether its features depend on more than their document."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from encore.encoders import Encoder, FeatureExtractor, load_encoder
from encore.encoders.batches.budget import EQUAL_LENGTHS
from encore.encoders.behaviour.batch_effects import SHORT_LENGTHS, padding_shows, with_safe_padding
from encore.encoders.transformer.encoder import Memo
from encore.featurestore.errors import UsageError
from tests.encoders.architectures import named, save
from tests.encoders.editing import edit_json
from tests.encoders.plain import block, spec_for

Change = Callable[[torch.Tensor, torch.nn.Module], torch.Tensor]
"""Maps hidden states (documents, longest, d) of a batch, and the model, to what the model gives."""


class ChangedModel(torch.nn.Module):
    """An encoder's model whose last hidden states are changed."""

    def __init__(self, model: torch.nn.Module, change: Change) -> None:
        super().__init__()
        self.model, self.change, self.runs, self.longest = model, change, 0, 0
        self.register_buffer("scale", torch.ones(1))

    def forward(self, **inputs: Any) -> Any:
        self.runs += 1
        output = self.model(**inputs)
        output.last_hidden_state = self.change(output.last_hidden_state, self)
        return output


def with_change(bert: Encoder, change: Change, boundaries: tuple[int, ...] = (20,)) -> Encoder:
    return replace(bert, model=ChangedModel(bert.model, change), boundaries=boundaries, memo=Memo())


def beyond(length: int) -> Change:
    """Features of batches whose longest document has more tokens are doubled."""
    return lambda states, _: states * (2.0 if states.shape[1] > length else 1.0)


def test_an_encoder_that_masks_padding_is_left_alone(bert: Encoder) -> None:
    assert not padding_shows(bert, SHORT_LENGTHS, layers=True)
    assert with_safe_padding(bert, 64) is bert
    same = with_change(bert, lambda states, _: states)
    assert with_safe_padding(same, 64) is same


def test_padding_that_shows_asks_for_equal_lengths(bert: Encoder) -> None:
    average = with_change(bert, lambda states, _: states + states.mean(dim=1, keepdim=True))
    assert padding_shows(average, SHORT_LENGTHS)


def test_a_boundary_counts_where_documents_can_cross_it(bert: Encoder) -> None:
    encoder = with_change(bert, beyond(20))
    assert not padding_shows(encoder, SHORT_LENGTHS)
    assert with_safe_padding(encoder, 19) is encoder
    assert with_safe_padding(encoder, 20) is encoder
    assert with_safe_padding(encoder, 21).padding == EQUAL_LENGTHS
    assert with_safe_padding(with_change(bert, beyond(19)), 20).padding == EQUAL_LENGTHS


def test_documents_on_both_sides_of_a_boundary_have_what_they_have_alone(bert: Encoder) -> None:
    encoder = with_change(bert, beyond(20))
    spec = spec_for(encoder, positions="mean")
    texts = ["the " * words for words in (3, 30, 17, 30, 3, 18, 19, 2)]
    extractor = FeatureExtractor(encoder, spec)
    together = extractor.extract(block(texts)).features
    for number, text in enumerate(texts):
        alone = extractor.extract(block([text])).features.packed
        np.testing.assert_allclose(together.take(np.array([number])).packed, alone, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda states, _: states + torch.randn_like(states), "gives a text other features each time it runs"),
        (
            lambda states, _: states + states.mean(dim=0, keepdim=True),
            "gives a text other features beside another text of the same length",
        ),
    ],
)
def test_features_that_are_not_the_document_s_own_are_refused(bert: Encoder, change: Change, words: str) -> None:
    with pytest.raises(UsageError, match=f"encoder .*: ChangedModel {words}"):
        padding_shows(with_change(bert, change), SHORT_LENGTHS)


def test_features_that_depend_on_what_was_encoded_before_are_refused(bert: Encoder) -> None:
    def grows(states: torch.Tensor, model: torch.nn.Module) -> torch.Tensor:
        model.longest = max(model.longest, states.shape[1])
        return states * model.longest

    with pytest.raises(UsageError, match="gives a text other features after a longer text than before"):
        padding_shows(with_change(bert, grows), SHORT_LENGTHS)


def test_settings_that_long_texts_switch_for_all_threads_are_refused_with_a_length_that_works(bert: Encoder) -> None:
    def switches(states: torch.Tensor, model: torch.nn.Module) -> torch.Tensor:
        model.scale.fill_(2.0 if states.shape[1] > 20 else 1.0)
        return states * model.scale

    encoder = with_change(bert, switches)
    with pytest.raises(UsageError, match=r"changes scale for texts of 21 or more tokens, .* below 21"):
        FeatureExtractor(encoder, spec_for(encoder))
    assert FeatureExtractor(encoder, spec_for(encoder, max_length=20)).extract(block(["the news"])).rejected == ()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_positions_that_long_texts_stretch_by_less_than_rounding_shows_are_refused(dtype: str, tmp_path: Path) -> None:
    path = save(named("Llama with longrope, beyond the original length"), tmp_path)
    rope = json.loads((path / "config.json").read_text())["rope_parameters"]
    edit_json(path / "config.json", rope_parameters={**rope, "long_factor": [1.02] * 4})
    encoder = load_encoder(str(path), device="cpu", dtype=dtype)
    assert with_safe_padding(encoder, 16) is encoder
    with pytest.raises(UsageError, match=r"changes rotary_emb.inv_freq .*; ask for a max length below 17$"):
        with_safe_padding(encoder, 40)


def test_the_encoder_is_left_as_it_was_found(bert: Encoder) -> None:
    def switches(states: torch.Tensor, model: torch.nn.Module) -> torch.Tensor:
        model.scale.fill_(states.shape[1])
        return states

    encoder = with_change(bert, switches)
    encoder.model.train()
    try:
        padding_shows(encoder, SHORT_LENGTHS)
        assert encoder.model.training
        assert encoder.model.scale.item() == 1.0
    finally:
        bert.model.eval()


def test_an_encoder_that_fails_beyond_a_boundary_is_refused_before_all_documents_fail(bert: Encoder) -> None:
    def fails(states: torch.Tensor, _: torch.nn.Module) -> torch.Tensor:
        if states.shape[1] > 20:
            raise RuntimeError("shape '[-1, 4]' is invalid\nand more")
        return states

    encoder = with_change(bert, fails)
    assert with_safe_padding(encoder, 20) is encoder
    with pytest.raises(UsageError, match=r"fails at texts of 19 or 20 or 21 tokens; .*: shape '\[-1, 4\]' is invalid$"):
        with_safe_padding(encoder, 21)


def test_what_does_not_fit_into_memory_is_batched_by_equal_lengths(bert: Encoder) -> None:
    def no_room(states: torch.Tensor, _: torch.nn.Module) -> torch.Tensor:
        if states.shape[0] * states.shape[1] > 40:
            raise torch.OutOfMemoryError("no room")
        return states

    assert with_safe_padding(with_change(bert, no_room), 30).padding == EQUAL_LENGTHS


def test_an_encoder_of_few_positions_is_asked_about_shorter_texts(bert: Encoder) -> None:
    lengths: set[int] = set()

    def notes(states: torch.Tensor, _: torch.nn.Module) -> torch.Tensor:
        lengths.add(states.shape[1])
        return states

    padding_shows(replace(with_change(bert, notes), position_limit=4), SHORT_LENGTHS)
    assert lengths == {4}


def test_an_encoder_without_context_is_refused(bert: Encoder) -> None:
    with pytest.raises(UsageError, match="gives a token the same features in any text, since kernels"):
        padding_shows(with_change(bert, lambda states, _: torch.ones_like(states)), SHORT_LENGTHS)


def test_threads_ask_once(bert: Encoder) -> None:
    runs: list[int] = []

    def counts(states: torch.Tensor, _: torch.nn.Module) -> torch.Tensor:
        runs.append(states.shape[1])
        return states

    encoder = with_change(bert, counts, (10, 20))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: with_safe_padding(encoder, 15), range(8)))
        asked = len(runs)
        list(threads.map(lambda _: with_safe_padding(encoder, 15), range(8)))
    assert 0 < asked == len(runs)
    assert max(runs) == 11
