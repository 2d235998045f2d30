"""Digests that identify an encoder by what it computes, whatever file, hub or package it came from."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from encore.encoders.loading.config import feature_settings

UNUSED_WEIGHTS = ("pooler.",)
"""Weights of an architecture on which no hidden state depends: BERT's pooler serves its training task."""

UNUSED_TOKENIZER_PARTS = ("version", "truncation", "padding", "decoder")
"""Parts of tokenizer.json that change no token here: the spec decides on truncation, the batch on padding."""


def weights_digest(model: PreTrainedModel) -> str:
    """sha256 (hex) of the weights that hidden states depend on, and of the settings that they are used with.

    The hash takes the architecture and those settings that differ from its defaults, as canonical JSON. Then it takes
    each tensor's name, shape and little-endian bytes, sorted by name. Floating-point weights are hashed as float32,
    which holds every value of float16 and bfloat16: the numbers count, not the precision of the file.

    Args:
        model: the encoder, loaded as float32 on the CPU.
    """
    digest = hashlib.sha256(_canonical(feature_settings(model.config)))
    for name, tensor in sorted(model.state_dict().items()):
        if not name.startswith(UNUSED_WEIGHTS):
            values = tensor.to(torch.float32 if tensor.is_floating_point() else torch.int64).contiguous().numpy()
            digest.update(_canonical([name, list(tensor.shape)]))
            digest.update(values.astype(values.dtype.newbyteorder("<"), copy=False).data)
    return digest.hexdigest()


def tokenizer_digest(tokenizer: Tokenizer) -> str:
    """sha256 (hex) of all that decides the tokens of a text and their types: vocabulary, rules, templates.

    tokenizer.json does not say whether special tokens written in a text are split like other text. The hash includes
    it where they are split.
    """
    parts = json.loads(tokenizer.to_str())
    relevant = {name: part for name, part in parts.items() if name not in UNUSED_TOKENIZER_PARTS}
    if tokenizer.encode_special_tokens:
        relevant["split_special_tokens"] = True
    return hashlib.sha256(_canonical(relevant)).hexdigest()


def _canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"
