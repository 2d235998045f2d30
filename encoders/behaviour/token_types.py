"""Token types: whether a model is to be told which text of a pair a token belongs to."""

from __future__ import annotations

import inspect

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

SAMPLE_TEXT = "a"


def tells_texts_apart(model: PreTrainedModel, tokenizer: Tokenizer) -> bool:
    """Whether token types are part of the model's input.

    They are where the tokenizer's template gives any but 0, and the model takes them and has segments: a table with a
    row for each type, or relative ones. GPT-2 and XLM have none: they add the embeddings of words 0 and 1, and others
    choose by the types what attends to what. What a tokenizer's class says that models take is not asked, since a
    generic class says the same of all.
    """
    types = tokenizer.encode(SAMPLE_TEXT, SAMPLE_TEXT).type_ids
    if not any(types) or "token_type_ids" not in inspect.signature(model.forward).parameters:
        return False
    # XLNet's say of two tokens whether they are of one segment: any types will do.
    relative = any(name.endswith("seg_embed") for name, _ in model.named_parameters())
    tables = _segment_tables(model)
    # TAPAS has seven tables, most of them of rows and columns.
    return relative or (len(tables) == 1 and max(types) < tables[0])


def _segment_tables(model: PreTrainedModel) -> list[int]:
    """Rows of each of the model's tables of segments."""
    found = []
    for path, module in model.named_modules():
        name, weight = path.rpartition(".")[2], getattr(module, "weight", None)
        if name.startswith(("token_type", "segment")) and isinstance(weight, torch.Tensor) and weight.dim() == 2:
            found.append(len(weight))
    return found
