"""Token types: whether a model must be told to which text of a pair a token belongs."""

from __future__ import annotations

import inspect

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from encore.encoders.text import SAMPLE_TEXT


def tells_texts_apart(model: PreTrainedModel, tokenizer: Tokenizer) -> bool:
    """Whether token types are part of the model's input.

    They are if the tokenizer's template gives other types than 0, and the model takes types and has segments: a table
    with a row for each type, or relative ones. GPT-2 and XLM have no segments: they add the embeddings of words 0 and
    1. Other models use the types to choose what attends to what. The input names that a tokenizer's class lists do not
    count, since a generic class lists the same for all models.
    """
    types = tokenizer.encode(SAMPLE_TEXT, SAMPLE_TEXT).type_ids
    if not any(types) or "token_type_ids" not in inspect.signature(model.forward).parameters:
        return False
    # XLNet's segments are relative: they only say whether two tokens share a segment, so any types work.
    relative = any(name.endswith("seg_embed") for name, _ in model.named_parameters())
    tables = _segment_tables(model)
    # TAPAS has seven tables of types, most of them for rows and columns.
    return relative or (len(tables) == 1 and max(types) < tables[0])


def _segment_tables(model: PreTrainedModel) -> list[int]:
    """Number of rows of each segment table of the model."""
    found = []
    for path, module in model.named_modules():
        name, weight = path.rpartition(".")[2], getattr(module, "weight", None)
        if name.startswith(("token_type", "segment")) and isinstance(weight, torch.Tensor) and weight.dim() == 2:
            found.append(len(weight))
    return found
