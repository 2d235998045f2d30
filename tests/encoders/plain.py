"""The slow and plain way: one document at a time through transformers' own tokenizer call and model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import torch
from transformers import AutoModel, AutoTokenizer

from encore.encoders import DocumentBlock, Encoder
from encore.featurestore.spec import FeatureSpec, TextSpec


def block(texts: Sequence[str], pairs: Sequence[str | None] | None = None) -> DocumentBlock:
    """Documents d0, d1, … of these texts."""
    ids = pa.array([f"d{i}" for i in range(len(texts))], pa.string())
    return DocumentBlock.build(
        ids, pa.array(texts, pa.string()), None if pairs is None else pa.array(pairs, pa.string())
    )


def spec_for(
    encoder: Encoder,
    *,
    layers: str | None = None,
    positions: str = "tokens",
    quantizer: str = "float16",
    max_length: int = 64,
    truncation_side: str = "right",
    special_tokens: bool = True,
) -> FeatureSpec:
    """A feature spec for an encoder."""
    text = TextSpec(max_length, truncation_side, special_tokens=special_tokens)
    return FeatureSpec.build(encoder.spec, text, layers, positions, quantizer)


def plain_features(
    path: Path, texts: Sequence[str], pairs: Sequence[str | None] | None, spec: FeatureSpec
) -> list[torch.Tensor]:
    """Float features of each document, (rows, d) or (rows, m, d), by loops over documents and layers."""
    tokenizer = AutoTokenizer.from_pretrained(path)
    tokenizer.truncation_side = spec.text.truncation_side
    model = AutoModel.from_pretrained(path, add_pooling_layer=False).eval()
    kind, _, count = str(spec.layers).partition(":")
    features = []
    for text, pair in zip(texts, pairs or [None] * len(texts), strict=True):
        inputs = tokenizer(
            [text],  # as lists: a call with one empty second text takes it for none
            None if pair is None else [pair],
            truncation=True,
            max_length=spec.text.max_length,
            return_tensors="pt",
            return_special_tokens_mask=True,
        )
        special = inputs.pop("special_tokens_mask")[0].bool()
        with torch.no_grad():
            states = [state[0] for state in model(**inputs, output_hidden_states=True).hidden_states]
        if kind == "stack":
            pooled = torch.stack(states[-int(count) :], dim=1)
        elif kind == "mean":
            pooled = torch.stack(states[-int(count) :]).mean(dim=0)
        else:
            pooled = states[int(count) if kind == "layer" else -1]
        if spec.positions == "cls":
            pooled = pooled[:1]
        else:
            pooled = pooled if spec.text.special_tokens else pooled[~special]
            if spec.positions == "mean":
                pooled = pooled.mean(dim=0, keepdim=True)
        features.append(pooled)
    return features
