"""Published Hypothesis strategies: specs and blocks as the store meets them, for the tests of every package."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from encore.featurestore import EncoderSpec, FeatureBlock, FeatureSpec, LayerPooling, Quantizer, TextSpec
from encore.featurestore.quantizers import Float16, Int2, Int4, Sign, SignCentred, UInt8
from encore.featurestore.spec import POSITIONS, SUMMARY
from tests.documents import document_index, packed_numbers

DOC_IDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
"""Ids of any script; only lone surrogates, which are no text, are left out."""

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


def encoder_specs(max_width: int = 24, max_layers: int = 6) -> st.SearchStrategy[EncoderSpec]:
    """Small encoders with digests as they really look, with and without provenance."""
    digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
    return st.builds(
        EncoderSpec,
        weights=digests,
        tokenizer=digests,
        hidden_size=st.integers(1, max_width),
        num_layers=st.integers(1, max_layers),
        compute_dtype=st.sampled_from(["float32", "bfloat16", "float16"]),
        name=st.sampled_from(["", "tiny"]),
        source=st.sampled_from(["", "hf:org/tiny", "models/tiny"]),
        revision=st.sampled_from([None, "main"]),
        first_token=st.sampled_from([None, SUMMARY]),
    )


def layer_poolings(num_layers: int) -> st.SearchStrategy[LayerPooling]:
    """Every pooling that an encoder of so many layers can give."""
    counted = st.builds(LayerPooling, st.sampled_from(["layer", "mean", "stack"]), st.integers(1, num_layers))
    return st.just(LayerPooling("last")) | counted


def quantizers(width: int) -> st.SearchStrategy[Quantizer]:
    """Every quantizer, calibrated for vectors of ``width`` floats."""
    scales = st.floats(2.0**-20, 2.0**10, width=32)

    def uint8(granularity: str) -> st.SearchStrategy[UInt8]:
        size = 1 if granularity == "per-tensor" else width
        return st.builds(
            UInt8,
            st.just(granularity),
            st.sampled_from(["min-max", "histogram"]),
            scale=st.tuples(*[scales] * size),
            zero_point=st.tuples(*[st.integers(0, 255)] * size),
        )

    places = st.tuples(*[st.floats(-(2.0**10), 2.0**10)] * width)
    spreads = st.tuples(*[scales] * width)
    return (
        st.sampled_from([Float16(), Sign()])
        | uint8("per-tensor")
        | uint8("per-dimension")
        | st.builds(Int4, mean=places, deviation=spreads)
        | st.builds(Int2, mean=places, deviation=spreads)
        | st.builds(SignCentred, median=places)
    )


@st.composite
def feature_specs(draw: st.DrawFn, max_width: int = 24, max_layers: int = 6) -> FeatureSpec:
    """Calibrated specs of every layer pooling, kind of positions and quantizer."""
    encoder = draw(encoder_specs(max_width, max_layers))
    positions = draw(st.sampled_from(POSITIONS))
    text = TextSpec(
        max_length=draw(st.integers(1, 512)),
        truncation_side=draw(st.sampled_from(["right", "left"])),
        special_tokens=positions == "cls" or draw(st.booleans()),
    )
    layers = draw(layer_poolings(encoder.num_layers))
    return FeatureSpec(encoder, text, layers, positions, draw(quantizers(encoder.hidden_size)))


@st.composite
def feature_blocks(
    draw: st.DrawFn, spec: FeatureSpec, *, min_documents: int = 0, max_documents: int = 8, min_length: int = 1
) -> FeatureBlock:
    """Blocks of a spec: unique ids, random texts and packed numbers, documents of random ragged lengths.

    Args:
        draw: Hypothesis's.
        spec: what the packed numbers are of.
        min_documents: documents at least.
        max_documents: documents at most.
        min_length: rows of a document at least; stored ones have one.
    """
    ids = draw(st.lists(DOC_IDS, min_size=min_documents, max_size=max_documents, unique=True))
    texts = draw(st.lists(TEXTS, min_size=len(ids), max_size=len(ids)))
    longest = 6 if spec.positions == "tokens" else max(1, min_length)
    lengths = draw(st.lists(st.integers(min_length, longest), min_size=len(ids), max_size=len(ids)))
    seed = draw(st.integers(0, 2**32 - 1))
    return FeatureBlock(
        document_index(ids, texts, lengths),
        packed_numbers(spec, sum(lengths), np.random.default_rng(seed)),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )
