"""What the tests of heads build with: specs, blocks of random features, and heads with random weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from encore.featurestore import EncoderSpec, FeatureBlock, FeatureSpec, TextSpec
from encore.featurestore.quantizers import REGISTRY, calibrate
from encore.heads import Head, HeadModel, Labels
from encore.heads.batches.decoding import decode
from tests.documents import document_index, packed_numbers

CLASSES = ("no", "perhaps", "yes")
QUANTIZERS = [*REGISTRY, "uint8:per-dimension"]
LENGTHS = st.lists(st.integers(1, 20), min_size=1, max_size=30)
"""Tokens of the documents of a block."""


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


def by_module(head: Head, spec: FeatureSpec, block: FeatureBlock) -> np.ndarray:
    """The module's own forward pass, all documents in one padded batch."""
    with torch.inference_mode():
        batch = decode(block, np.arange(len(block)), spec, block.first_lengths)
        return head.model(batch).softmax(dim=1).numpy()


def family(spec: FeatureSpec) -> list[Head]:
    """Heads of every pooling and, for stacked features, of shared and different mixes."""
    heads = [
        head_of(spec, pooling, seed=seed) for seed, pooling in enumerate(["attention", "cls", "attention", "mean"])
    ]
    # Heads of one, two and three queries are stacked into the same products.
    heads[1:1] = [head_of(spec, seed=5, queries=3), head_of(spec, seed=6, queries=2)]
    heads[4:4] = [head_of(spec, "pair", seed=7), head_of(spec, "pair", seed=8)]
    if spec.layers.stacked:
        heads += [head_of(spec, pooling, seed=9, layer_mix="uniform") for pooling in ("mean", "attention", "attention")]
    return heads


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


def require_of_blocks(spec: FeatureSpec, examples: int, require: Callable[[FeatureBlock], None]) -> None:
    """See that blocks of any lengths meet a requirement: pairs of any split, and single texts among them."""

    @settings(max_examples=examples)
    @given(lengths=LENGTHS, seed=st.integers(0, 99))
    def meet(lengths: list[int], seed: int) -> None:
        first_lengths = np.random.default_rng(seed).integers(1, lengths, endpoint=True).tolist()
        require(block_of(spec, lengths, seed, first_lengths))

    meet()
