"""What the tests of heads build with: specs, blocks of random features, and heads with random weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch

from featurestore import EncoderSpec, FeatureBlock, FeatureSpec, TextSpec
from featurestore.quantizers import calibrate
from heads import Head, HeadModel, Labels
from tests.documents import document_index, packed_numbers

CLASSES = ("no", "perhaps", "yes")


def spec_of(
    quantizer: str = "sign", layers: str = "mean:4", positions: str = "tokens", *, width: int = 16
) -> FeatureSpec:
    """A calibrated spec of a small encoder with six layers."""
    encoder = EncoderSpec("aa" * 32, "bb" * 32, hidden_size=width, num_layers=6, name="tiny")
    spec = FeatureSpec.build(encoder, TextSpec(64), layers, positions, quantizer)
    sample = torch.linspace(-2, 3, 50 * width).view(50, width)
    return spec.with_quantizer(calibrate(spec.quantizer, lambda: [sample]))


def block_of(
    spec: FeatureSpec, lengths: Sequence[int], seed: int = 0, first_lengths: Sequence[int] | None = None
) -> FeatureBlock:
    """Documents ``d0, d1, …`` of these lengths with random features; pairs, where lengths of first texts are given."""
    ids = [f"d{place}" for place in range(len(lengths))]
    packed = packed_numbers(spec, sum(lengths), np.random.default_rng(seed))
    index = document_index(ids, ids, list(lengths), first_lengths)
    return FeatureBlock(index, packed, np.cumsum([0, *lengths]).astype(np.int64))


def model_of(
    spec: FeatureSpec, pooling: str, classes: int, seed: int, layer_mix: str = "learned", queries: int = 1
) -> HeadModel:
    """A head whose every parameter is random and away from zero, in evaluation mode."""
    mix = layer_mix if spec.layers.stacked else None
    model = HeadModel.build(spec, classes, pooling, layer_mix=mix, queries=queries)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            values = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(values / parameter.shape[-1] ** 0.5 if parameter.ndim == 2 else values)
    return model.eval()


def head_of(
    spec: FeatureSpec,
    pooling: str = "attention",
    *,
    task: str = "task",
    seed: int = 0,
    layer_mix: str = "learned",
    queries: int = 1,
) -> Head:
    """A head with random weights."""
    return Head(
        task=task,
        classes=CLASSES,
        spec=spec,
        model=model_of(spec, pooling, len(CLASSES), seed, layer_mix, queries),
        snapshot=3,
        training={"documents": 12},
        evaluation=None,
        versions={"torch": torch.__version__},
        created_at="2026-01-02T03:04:05+00:00",
    )


def labels_of(labels: dict[str, str], source: str = "labels.csv") -> Labels:
    """Labels from id → class."""
    return Labels(pa.array(list(labels), pa.string()), pa.array(list(labels.values()), pa.string()), source)


def learnable(spec: FeatureSpec, documents: int, classes: int, seed: int = 0) -> tuple[FeatureBlock, np.ndarray]:
    """Documents whose class shows in their features, and their classes.

    Each has 2 to 9 random tokens, and one, anywhere but first, that is the same for all documents of its class.
    """
    random = np.random.default_rng(seed)
    codes = np.arange(documents) % classes
    lengths = random.integers(3, 10, documents)
    block = block_of(spec, lengths.tolist(), seed)
    marks = packed_numbers(spec, classes, np.random.default_rng(12345))
    block.packed[block.offsets[:-1] + random.integers(1, lengths)] = marks[codes]
    return block, codes.astype(np.int64)


def pairs_alike_or_not(spec: FeatureSpec, documents: int, seed: int = 0) -> tuple[FeatureBlock, np.ndarray]:
    """Pairs of two random tokens each, and whether both texts begin with the same of four marks: 1, or 0."""
    random = np.random.default_rng(seed)
    codes = np.arange(documents) % 2
    block = block_of(spec, [4] * documents, seed, [2] * documents)
    marks = packed_numbers(spec, 4, np.random.default_rng(12345))
    first = random.integers(0, 4, documents)
    block.packed[0::4] = marks[first]
    block.packed[2::4] = marks[(first + (1 - codes) * random.integers(1, 4, documents)) % 4]
    return block, codes.astype(np.int64)
