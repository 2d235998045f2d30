"""Layer pooling: which of the encoder's layers take part."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore import LayerPooling, UsageError
from tests.strategies import layer_poolings


@given(layer_poolings(24))
def test_its_text_reads_back(pooling: LayerPooling) -> None:
    assert LayerPooling.parse(str(pooling)) == pooling


@pytest.mark.parametrize(("num_layers", "text"), [(24, "mean:16"), (16, "mean:16"), (6, "mean:6"), (1, "mean:1")])
def test_the_default_is_the_mean_of_16_layers_or_of_every_layer(num_layers: int, text: str) -> None:
    assert str(LayerPooling.default(num_layers)) == text


@pytest.mark.parametrize(
    ("text", "layers", "stacked"),
    [
        ("last", [12], None),
        ("layer:1", [1], None),
        ("layer:12", [12], None),
        ("mean:3", [10, 11, 12], None),
        ("mean:12", list(range(1, 13)), None),
        ("stack:2", [11, 12], 2),
    ],
)
def test_layers_are_numbered_from_1_and_taken_from_the_top(text: str, layers: list[int], stacked: int | None) -> None:
    assert list(LayerPooling.parse(text).layer_numbers(12)) == layers
    assert LayerPooling.parse(text).stacked == stacked


@pytest.mark.parametrize("text", ["", "first", "last:1", "mean", "mean:", "mean:0", "layer:-1", "stack:1.5", "mean:3 "])
def test_what_is_no_pooling_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected last, layer:k, mean:m or stack:m"):
        LayerPooling.parse(text)


@given(st.integers(1, 30), st.integers(1, 30))
def test_more_layers_than_the_encoder_has_are_refused(count: int, num_layers: int) -> None:
    pooling = LayerPooling("stack", count)
    if count <= num_layers:
        pooling.check(num_layers)
        assert len(pooling.layer_numbers(num_layers)) == count
    else:
        with pytest.raises(UsageError, match=f"the encoder has {num_layers} layers"):
            pooling.check(num_layers)
