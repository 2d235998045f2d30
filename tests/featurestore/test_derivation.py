"""Poorer features from richer ones equal what the encoder's floats would have given, or are refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from encore.featurestore import FeatureBlock, FeatureSpec, LayerPooling, Quantizer, UsageError, parse_quantizer
from encore.featurestore.derivation import Derivation
from encore.featurestore.quantizers import Float16, Int2, Sign, SignCentred, UInt8
from tests.documents import document_index
from tests.featurestore.building import ENCODER, spec_of

WIDTH = 8
LAYERS = 6
LENGTHS = [2, 1, 4, 2]
TENSOR = UInt8("per-tensor", "min-max", scale=(0.25,), zero_point=(100,))
DIMENSION = UInt8("per-dimension", "min-max", scale=tuple(np.linspace(0.5, 2, 8)), zero_point=tuple(range(90, 98)))
GAUSSIAN = Int2(mean=tuple(np.linspace(-1, 1, 8)), deviation=tuple(np.linspace(3, 5, 8)))
CENTRED = SignCentred(median=tuple(np.linspace(-2, 2, 8)))
QUANTIZERS: list[Quantizer] = [Float16(), Sign(), TENSOR, DIMENSION, GAUSSIAN, CENTRED]
POSITIONS = ["tokens", "cls", "mean"]

# Small integers, and means of 1, 2 or 4 of them: exact in every number format, whatever the order of the additions.
FLOATS = np.random.default_rng(0).integers(-8, 8, (sum(LENGTHS), LAYERS, WIDTH)).astype(np.float32)


def spec(layers: str, positions: str, quantizer: Quantizer) -> FeatureSpec:
    return replace(spec_of(width=WIDTH), layers=LayerPooling.parse(layers), positions=positions, quantizer=quantizer)


def encoded(target: FeatureSpec) -> FeatureBlock:
    """The slow reference: what the floats of every layer and token become under a spec, document by document."""
    first = LAYERS - target.layers.count
    values = {
        "last": FLOATS[:, -1],
        "layer": FLOATS[:, target.layers.count - 1],
        "mean": FLOATS[:, first:].mean(axis=1),
        "stack": FLOATS[:, first:],
    }[target.layers.kind]
    documents = np.split(values, np.cumsum(LENGTHS)[:-1])
    if target.positions == "cls":
        documents = [rows[:1] for rows in documents]
    elif target.positions == "mean":
        documents = [rows.mean(axis=0, keepdims=True) for rows in documents]
    ids = [f"{i}" for i in range(len(LENGTHS))]
    packed = target.quantizer.quantize(torch.from_numpy(np.concatenate(documents))).numpy()
    return FeatureBlock(document_index(ids, ids, LENGTHS), packed, np.cumsum([0, *map(len, documents)]))


def can_be_had(source: FeatureSpec, target: FeatureSpec) -> bool:
    held, wanted = source.layers, target.layers
    lowest = wanted.count if wanted.kind == "layer" else LAYERS + 1 - wanted.count
    layers = held == wanted or (held.kind == "stack" and lowest > LAYERS - held.count)
    positions = source.positions in (target.positions, "tokens")
    picked = (
        source.quantizer == target.quantizer
        and (held == wanted or wanted.kind != "mean")
        and target.positions in (source.positions, "cls")
    )
    return layers and positions and (picked or source.quantizer == Float16())


@pytest.mark.parametrize("quantizer", QUANTIZERS, ids=lambda q: q.request)
@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("layers", ["stack:6", "stack:4", "mean:4", "last", "layer:5"])
def test_what_is_derived_is_what_would_have_been_encoded(layers: str, positions: str, quantizer: Quantizer) -> None:
    source = spec(layers, positions, quantizer)
    block = encoded(source)
    targets = ["last", "layer:2", "layer:5", "layer:6", "mean:1", "mean:2", "mean:4", "stack:1", "stack:4", "stack:6"]
    allowed = 0
    for target_layers, target_positions, target_quantizer in product(targets, POSITIONS, QUANTIZERS):
        target = spec(target_layers, target_positions, target_quantizer)
        if not can_be_had(source, target):
            with pytest.raises(UsageError, match=r"^derive: "):
                Derivation(source, target)
            continue
        allowed += 1
        made, saturated = Derivation(source, target).apply(block)
        wanted = encoded(target)
        label = f"{layers} {positions} → {target_layers} {target_positions} {target_quantizer.request}"
        assert made.offsets.tolist() == wanted.offsets.tolist(), label
        assert np.array_equal(made.packed, wanted.packed), label
        assert made.packed.shape[1:] == target.packed_shape, label
        assert made.packed.dtype == target.quantizer.dtype, label
        assert made.index is block.index
        assert saturated == 0
    assert allowed > 0


def test_activations_are_the_floats_before_the_quantizer() -> None:
    source = spec("stack:6", "tokens", Float16())
    derivation = Derivation.build(source, "mean:4", "mean", parse_quantizer("uint8"))
    wanted = encoded(spec("mean:4", "mean", Float16())).packed.astype(np.float32)
    assert np.array_equal(derivation.activations(encoded(source)).numpy(), wanted)


def test_what_the_quantizer_saturates_is_counted() -> None:
    narrow = UInt8("per-tensor", "min-max", scale=(0.01,), zero_point=(0,))
    _, saturated = Derivation(spec("last", "tokens", Float16()), spec("last", "tokens", narrow)).apply(
        encoded(spec("last", "tokens", Float16()))
    )
    assert saturated == int((np.abs(FLOATS[:, -1] - 1.275) > 1.28).sum()) > 0


class TestBuild:
    SOURCE = spec("stack:6", "tokens", Float16())

    def test_what_is_not_asked_for_stays_as_it_is(self) -> None:
        derivation = Derivation.build(self.SOURCE, None, None, None)
        assert derivation.target == self.SOURCE
        assert derivation.target.derived_from == self.SOURCE.fingerprint

    def test_what_is_asked_for_changes(self) -> None:
        target = Derivation.build(self.SOURCE, "mean:4", "cls", Sign()).target
        assert (str(target.layers), target.positions, target.quantizer) == ("mean:4", "cls", Sign())

    def test_the_source_s_quantizer_asked_for_again_keeps_its_calibration(self) -> None:
        source = spec("stack:6", "tokens", TENSOR)
        derivation = Derivation.build(source, "last", None, parse_quantizer("uint8"))
        assert derivation.target.quantizer == TENSOR
        assert np.array_equal(derivation.apply(encoded(source))[0].packed, encoded(derivation.target).packed)


class TestRefusals:
    """A refusal says what it would take."""

    @pytest.mark.parametrize(
        ("source", "target", "message"),
        [
            (("mean:4", "tokens"), ("last", "tokens"),
             "last cannot be derived from stored mean:4; the source needs stack:1 "),
            (("stack:2", "tokens"), ("mean:4", "tokens"), "from stored stack:2; the source needs stack:4 or more"),
            (("stack:2", "tokens"), ("layer:2", "tokens"), "from stored stack:2; the source needs stack:5 or more"),
            (("last", "tokens"), ("stack:2", "tokens"), "from stored last; the source needs stack:2 or more"),
            (("last", "cls"), ("last", "mean"),
             "positions mean cannot be derived from stored cls; the source needs tokens"),
            (("last", "mean"), ("last", "tokens"),
             "positions tokens cannot be derived from stored mean; the source needs tokens"),
        ],
    )  # fmt: skip
    def test_layers_and_positions(self, source: tuple[str, str], target: tuple[str, str], message: str) -> None:
        with pytest.raises(UsageError) as raised:
            Derivation(spec(*source, Float16()), spec(*target, Float16()))
        assert message in str(raised.value)

    def test_a_stack_that_it_takes_is_enough(self) -> None:
        Derivation(spec("stack:5", "tokens", Float16()), spec("layer:2", "tokens", Float16()))

    @pytest.mark.parametrize(
        ("source", "target", "request_"),
        [(Sign(), Float16(), "float16"), (TENSOR, Sign(), "sign"), (TENSOR, DIMENSION, "uint8:per-dimension:min-max")],
    )
    def test_numbers_that_are_gone(self, source: Quantizer, target: Quantizer, request_: str) -> None:
        with pytest.raises(UsageError) as raised:
            Derivation(spec("last", "tokens", source), spec("last", "tokens", target))
        assert str(raised.value) == (
            f"derive: {request_} features cannot be computed from {source.request} features, "
            "which are not exact enough; derive from a float16 store"
        )

    def test_another_calibration_would_misread_the_stored_numbers(self) -> None:
        with pytest.raises(UsageError, match="features, under another calibration, cannot be computed from"):
            Derivation(spec("last", "tokens", TENSOR), spec("last", "tokens", replace(TENSOR, scale=(0.5,))))

    @pytest.mark.parametrize("change", ["encoder", "text"])
    def test_another_encoder_or_text(self, change: str) -> None:
        source = spec("last", "tokens", Float16())
        other = {"encoder": replace(source.encoder, weights="cc" * 32), "text": replace(source.text, max_length=3)}
        with pytest.raises(UsageError, match="the encoder or the text settings differ from those of the source"):
            Derivation(source, replace(source, **{change: other[change]}))

    def test_another_name_of_the_encoder_is_no_other_encoder(self) -> None:
        source = spec("last", "tokens", Float16())
        renamed = replace(ENCODER, hidden_size=WIDTH, name="copy")
        Derivation(source, replace(source, encoder=renamed))
