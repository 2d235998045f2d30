"""What the first token of an encoder is: a special one whose vector sums up the text, or not, or the text's own."""

from __future__ import annotations

from itertools import islice

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from encore.encoders.behaviour.shape import run_tokens, vocabulary_size
from encore.encoders.text import Template
from encore.featurestore.spec import CONSTANT, SUMMARY, TEXT

TOKENS = 3
"""Tokens of each of the two texts that are compared."""

ROUNDING = 1e-6
"""Share of the largest number by which two vectors may differ and still be one."""


def first_token_of(model: PreTrainedModel, tokenizer: Tokenizer) -> str:
    """`SUMMARY`, `CONSTANT` or `TEXT`, seen by running the encoder on two texts of as many tokens.

    The first vector must depend on the text in every layer, since any of them may be stored. A causal encoder's never
    does; the embedding layer's never does either, but that one is not stored.

    Raises:
        UsageError: a template that cannot be followed.
    """
    before, after = (special.tolist() for special in Template.of(tokenizer, 1).special)
    if not before:
        return TEXT
    # One after the other: what an encoder makes of a text alone is what is asked.
    one, other = (_first_vectors(model, [*before, *text, *after]) for text in _two_texts(model, tokenizer))
    same = (one - other).abs().amax(dim=1) <= ROUNDING * one.abs().amax(dim=1)
    return CONSTANT if bool(same.any()) else SUMMARY


def _first_vectors(model: PreTrainedModel, tokens: list[int]) -> torch.Tensor:
    """(layers, d) float32: what each layer makes of the first token."""
    output = run_tokens(model, tokens)
    return torch.stack([layer[0, 0].float() for layer in (*output.hidden_states[1:-1], output.last_hidden_state)])


def _two_texts(model: PreTrainedModel, tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Ids of ordinary tokens, no two alike: real texts may be one unknown token after the other."""
    rows = min(tokenizer.get_vocab_size(), vocabulary_size(model))
    added = tokenizer.get_added_tokens_decoder()
    # From the middle, where no vocabulary keeps its unused tokens.
    ids = (number % rows for number in range(rows // 2, rows // 2 + rows))
    ordinary = list(islice((number for number in ids if number not in added), 2 * TOKENS))
    half = len(ordinary) // 2
    return ordinary[:half], ordinary[half : 2 * half]
