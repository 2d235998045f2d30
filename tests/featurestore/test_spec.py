"""A feature spec says what was computed; its fingerprint changes with every stored number and with nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given

from encore.featurestore import EncoderSpec, FeatureSpec, LayerPooling, SpecMismatch, TextSpec, UsageError
from encore.featurestore.quantizers import Float16, Sign, UInt8
from encore.featurestore.spec import CONSTANT, TEXT, require_summary
from tests.featurestore.building import ENCODER, spec_of
from tests.strategies import feature_specs

PINNED = "065d9cbe9cf7333ac30a2efd5f63faf13900e2cb041f5d9c6939e9765882aaf5"
PINNED_UINT8 = "0050a74182f7425e67e09efe40778a677e5fd18a342dae55ed30c81c9dcc43ca"
UINT8 = UInt8("per-tensor", "min-max", scale=(0.25,), zero_point=(7,))


class TestRoundTrip:
    @given(feature_specs())
    def test_json_gives_the_spec_back_provenance_included(self, spec: FeatureSpec) -> None:
        read = FeatureSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
        assert read == spec
        assert read.fingerprint == spec.fingerprint
        assert read.to_dict() == spec.to_dict()

    def test_a_spec_written_before_first_tokens_were_looked_at_allows_what_it_did(self) -> None:
        document = spec_of(positions="cls").to_dict()
        del document["encoder"]["first_token"]
        read = FeatureSpec.from_dict(document)
        assert (read.encoder.first_token, read.fingerprint) == (None, spec_of(positions="cls").fingerprint)

    def test_an_uncalibrated_request_goes_round_too(self) -> None:
        spec = spec_of("uint8")
        assert FeatureSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


class TestFingerprint:
    def test_it_is_pinned(self) -> None:
        """Another process, machine or release must arrive at the same name, or it could not read the store."""
        assert spec_of("sign").fingerprint == PINNED
        tenths = UInt8("per-dimension", "min-max", scale=(0.1,) * 16, zero_point=(7,) * 16)
        assert replace(spec_of(), quantizer=tenths).fingerprint == PINNED_UINT8

    def test_provenance_is_no_part_of_it(self) -> None:
        spec = spec_of()
        other = replace(ENCODER, name="n", source="hf:x", revision="r", first_token=CONSTANT)
        elsewhere = replace(spec, encoder=other, derived_from="f" * 64)
        assert elsewhere.fingerprint == spec.fingerprint
        assert elsewhere == spec
        assert elsewhere.to_dict() != spec.to_dict()

    @pytest.mark.parametrize(
        "changed",
        [
            {"encoder": replace(ENCODER, weights="cc" * 32)},
            {"encoder": replace(ENCODER, tokenizer="cc" * 32)},
            {"encoder": replace(ENCODER, hidden_size=17)},
            {"encoder": replace(ENCODER, num_layers=7)},
            {"encoder": replace(ENCODER, compute_dtype="bfloat16")},
            {"text": TextSpec(63)},
            {"text": TextSpec(64, truncation_side="left")},
            {"text": TextSpec(64, special_tokens=False)},
            {"layers": LayerPooling("mean", 3)},
            {"layers": LayerPooling("stack", 4)},
            {"layers": LayerPooling("last")},
            {"positions": "cls"},
            {"positions": "mean"},
            {"quantizer": Float16()},
            {"quantizer": Sign()},
            {"quantizer": replace(UINT8, granularity="per-dimension", scale=(0.25,) * 16, zero_point=(7,) * 16)},
            {"quantizer": replace(UINT8, method="histogram")},
            {"quantizer": replace(UINT8, scale=(0.5,))},
            {"quantizer": replace(UINT8, zero_point=(8,))},
        ],
        ids=repr,
    )
    def test_whatever_changes_a_stored_number_changes_it(self, changed: dict[str, object]) -> None:
        spec = replace(spec_of(), quantizer=UINT8)
        assert replace(spec, **changed).fingerprint != spec.fingerprint
        assert replace(spec, **changed) != spec

    def test_there_is_none_before_calibration(self) -> None:
        with pytest.raises(UsageError, match="uint8:per-tensor:min-max has not been calibrated"):
            _ = spec_of("uint8").fingerprint


class TestComparison:
    def test_requests_agree_whatever_the_calibration(self) -> None:
        replace(spec_of(), quantizer=UINT8).require_request(spec_of("uint8"), "store", "request")

    def test_requests_that_differ_are_shown_side_by_side(self) -> None:
        spec = spec_of("sign", "mean:4")
        other = replace(
            spec_of("float16", "last"), text=TextSpec(64, truncation_side="left"), encoder=replace(ENCODER, name="b")
        )
        with pytest.raises(SpecMismatch) as raised:
            spec.require_request(other, "store", "request")
        assert str(raised.value) == (
            "store and request hold different features. Fields that differ (store | request):\n"
            "  layers                mean:4  |  last\n"
            "  quantizer             sign  |  float16\n"
            "  text.truncation_side  right  |  left"
        )
        assert raised.value.differences["layers"] == ("mean:4", "last")
        assert raised.value.exit_code == 2

    def test_the_same_features_have_the_same_calibration(self) -> None:
        spec = replace(spec_of(), quantizer=UINT8)
        spec.require_same(replace(spec, derived_from="x"), "store", "head")
        with pytest.raises(SpecMismatch, match=r"calibration.scale +\[0\.25\]  \|  \[0\.5\]"):
            spec.require_same(replace(spec, quantizer=replace(UINT8, scale=(0.5,))), "store", "head")

    def test_long_values_are_cut(self) -> None:
        wide = UInt8("per-dimension", "min-max", scale=(0.125,) * 999, zero_point=(7,) * 999)
        spec = replace(spec_of(width=999), quantizer=wide)
        other = replace(spec, quantizer=replace(wide, scale=(0.25,) * 999))
        with pytest.raises(SpecMismatch) as raised:
            spec.require_same(other, "a", "b")
        assert max(map(len, str(raised.value).splitlines())) < 200

    def test_a_value_that_one_side_lacks_differs(self) -> None:
        with pytest.raises(SpecMismatch, match=r"calibration.scale +None  \|  \[0\.25\]"):
            spec_of("uint8").require_same(replace(spec_of(), quantizer=UINT8), "a", "b")


class TestShapes:
    """Payload bytes are the arithmetic of the paper's table 2."""

    @pytest.mark.parametrize(
        ("quantizer", "layers", "shape", "row_bytes"),
        [
            ("float16", "last", (1024,), 2048),
            ("uint8", "mean:16", (1024,), 1024),
            ("sign", "mean:16", (128,), 128),
            ("sign", "stack:24", (24, 128), 3072),
            ("float16", "stack:24", (24, 1024), 49152),
        ],
    )
    def test_a_row_has_the_bytes_of_table_2(
        self, quantizer: str, layers: str, shape: tuple[int, ...], row_bytes: int
    ) -> None:
        large = EncoderSpec("aa" * 32, "bb" * 32, hidden_size=1024, num_layers=24)
        spec = FeatureSpec.build(large, TextSpec(512), layers, "tokens", quantizer)
        assert spec.packed_shape == shape
        assert spec.row_bytes == row_bytes
        assert spec.width == 1024


class TestRefusals:
    def test_cls_needs_special_tokens(self) -> None:
        with pytest.raises(UsageError, match="positions cls: special tokens are not stored; take mean"):
            replace(spec_of(), positions="cls", text=TextSpec(64, special_tokens=False))

    @pytest.mark.parametrize(
        ("first_token", "reason"),
        [(TEXT, "tiny puts no special token first"), (CONSTANT, "the first vector of tiny is the same for every text")],
    )
    def test_cls_needs_a_first_token_that_sums_up_the_text(self, first_token: str, reason: str) -> None:
        encoder = replace(ENCODER, first_token=first_token)
        with pytest.raises(UsageError, match=f"^positions cls: {reason}; take mean$"):
            replace(spec_of(), encoder=encoder, positions="cls")
        with pytest.raises(UsageError, match=f"^pooling cls: {reason}; take mean$"):
            require_summary(encoder, "pooling")
        assert replace(spec_of(), encoder=encoder, positions="mean").positions == "mean"

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: spec_of(positions="last"), "positions 'last': expected one of tokens, cls, mean"),
            (lambda: spec_of(layers="mean:7"), "mean:7: the encoder has 6 layers; ask for 1 to 6"),
            (lambda: spec_of("int8"), "quantizer 'int8': expected one of float16, uint8, int4, int2, sign"),
            (lambda: TextSpec(0), "max length 0: expected at least 1"),
            (lambda: TextSpec(1, truncation_side="up"), "truncation side 'up': expected right or left"),
            (lambda: TextSpec(1, pair="space"), "pair 'space': expected template"),
        ],
    )
    def test_what_does_not_fit_is_refused_with_what_would(self, make: object, message: str) -> None:
        with pytest.raises(UsageError) as raised:
            make()  # type: ignore[operator]
        assert message in str(raised.value)
