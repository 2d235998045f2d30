"""The kind of an encoder's first token: a special token that sums up the text, one that does not, or a text's own."""

from __future__ import annotations

from itertools import islice

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from encore.encoders.behaviour.shape import run_tokens, vocabulary_size
from encore.encoders.text import Template
from encore.featurestore.spec import CONSTANT, SUMMARY, TEXT

TOKENS = 3
"""Number of tokens of each of the two compared texts."""

EQUAL_SHARE = 1e-6
"""Vectors that differ by at most this share of the largest number count as equal."""


def first_token_of(model: PreTrainedModel, tokenizer: Tokenizer) -> str:
    """`SUMMARY`, `CONSTANT` or `TEXT`, found by running the encoder on two texts of equal length.

    For `SUMMARY` the first vector must depend on the text in every layer, since any layer may be stored. In a causal
    encoder it never does. The embedding layer does not count: it is never stored.

    Raises:
        UsageError: a template that cannot be followed.
    """
    before, after = (special.tolist() for special in Template.of(tokenizer, 1).special)
    if not before:
        return TEXT
    # Not in one batch: the question is what the encoder makes of a text alone.
    one, other = (_first_vectors(model, [*before, *text, *after]) for text in _two_texts(model, tokenizer))
    same = (one - other).abs().amax(dim=1) <= EQUAL_SHARE * one.abs().amax(dim=1)
    return CONSTANT if bool(same.any()) else SUMMARY


def _first_vectors(model: PreTrainedModel, tokens: list[int]) -> torch.Tensor:
    """(layers, d) float32: the vector of the first token in each layer."""
    output = run_tokens(model, tokens)
    return torch.stack([layer[0, 0].float() for layer in (*output.hidden_states[1:-1], output.last_hidden_state)])


def _two_texts(model: PreTrainedModel, tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Ids of different ordinary tokens. A real text could become nothing but unknown tokens."""
    rows = min(tokenizer.get_vocab_size(), vocabulary_size(model))
    added = tokenizer.get_added_tokens_decoder()
    # From the middle: no vocabulary keeps its unused tokens there.
    ids = (number % rows for number in range(rows // 2, rows // 2 + rows))
    ordinary = list(islice((number for number in ids if number not in added), 2 * TOKENS))
    half = len(ordinary) // 2
    return ordinary[:half], ordinary[half : 2 * half]
