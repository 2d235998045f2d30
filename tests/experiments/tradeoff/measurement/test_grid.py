from __future__ import annotations

from dataclasses import replace

import pytest

from encore.experiments.tradeoff.measurement.grid import StorageSetting, build_grid, default_layers, left_out
from encore.featurestore import EncoderSpec, FeatureSpec, LayerPooling, TextSpec, UsageError, parse_quantizer
from encore.featurestore.quantizers import REGISTRY


def spec(layers: str = "stack:6", positions: str = "tokens", quantizer: str = "float16", depth: int = 6) -> FeatureSpec:
    encoder = EncoderSpec("w", "t", hidden_size=32, num_layers=depth)
    return FeatureSpec(encoder, TextSpec(64), LayerPooling.parse(layers), positions, parse_quantizer(quantizer))


def test_a_rich_store_allows_every_layer_pooling_position_and_kind_of_quantizer() -> None:
    grid = build_grid(spec())
    assert len(grid) == 4 * 3 * len(REGISTRY)
    assert {setting.quantizer_name for setting in grid} == set(REGISTRY)
    assert grid[0] == StorageSetting("last", "tokens", "float16")


@pytest.mark.parametrize(
    ("stored", "depth", "expected"),
    [
        ("stack:6", 6, ("last", "mean:3", "mean:6", "stack:6")),
        ("stack:24", 24, ("last", "mean:12", "mean:16", "mean:24", "stack:24")),
        ("stack:2", 6, ("last", "mean:2", "stack:2")),
        ("mean:4", 6, ("mean:4",)),
        ("layer:3", 6, ("layer:3",)),
    ],
)
def test_layers_follow_from_what_is_stored(stored: str, depth: int, expected: tuple[str, ...]) -> None:
    assert default_layers(spec(stored, depth=depth)) == expected


def test_what_a_poor_store_does_not_allow_is_left_out_where_nobody_asked_for_it() -> None:
    assert build_grid(spec("mean:6", quantizer="sign")) == (
        StorageSetting("mean:6", "tokens", "sign"),
        StorageSetting("mean:6", "cls", "sign"),
    )
    plain = spec("mean:6")
    without_special = replace(plain, text=replace(plain.text, special_tokens=False))
    assert {setting.positions for setting in build_grid(without_special)} == {"tokens", "mean"}


@pytest.mark.parametrize(
    ("first_token", "positions", "reason"),
    [
        (None, (), None),
        ("summary", (), None),
        ("text", (), "positions cls: the encoder puts no special token first; take mean"),
        ("constant", (), "positions cls: the first vector of the encoder is the same for every text; take mean"),
        ("constant", ("mean",), None),
    ],
)
def test_why_cls_is_no_part_of_a_grid_that_nobody_narrowed_is_said(
    first_token: str | None, positions: tuple[str, ...], reason: str | None
) -> None:
    source = spec()
    source = replace(source, encoder=replace(source.encoder, first_token=first_token))
    assert left_out(source, positions) == reason
    found = {setting.positions for setting in build_grid(source, positions=positions)}
    assert found == ({"mean"} if positions else {"tokens", "mean"} | (set() if reason else {"cls"}))


@pytest.mark.parametrize(
    ("source", "asked", "message"),
    [
        (spec(), {"layers": ["mean:7"]}, "the encoder has 6 layers"),
        (spec("stack:3"), {"layers": ["mean:4"]}, "the source needs stack:4 or more"),
        (spec("mean:6"), {"layers": ["last"]}, "cannot be derived from stored mean:6"),
        (spec("last", "cls"), {"positions": ["tokens"]}, "cannot be derived from stored cls"),
        (spec(quantizer="sign"), {"quantizers": ["uint8"]}, "derive from a float16 store"),
        (spec(), {"quantizers": ["no-such-kind"]}, "expected one of"),
        (spec(), {"positions": ["token"]}, "expected one of"),
        (spec(), {"layers": ["some"]}, "expected last, layer:k"),
    ],
)
def test_what_is_asked_for_and_cannot_be_had_is_refused(source: FeatureSpec, asked: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_grid(source, **asked)


def test_a_quantizer_is_named_by_its_kind_unless_its_options_are_unusual() -> None:
    names = [
        setting.quantizer_name for setting in build_grid(spec(), ["last"], ["cls"], ["uint8", "uint8:per-dimension"])
    ]
    assert names == ["uint8", "uint8:per-dimension:min-max"]


def test_what_is_asked_for_twice_is_measured_once() -> None:
    assert len(build_grid(spec(), ["last", "last"], ["cls"], ["uint8", "uint8:per-tensor"])) == 1
