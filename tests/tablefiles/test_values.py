from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.tablefiles.values import as_bytes, is_blank, is_empty, is_null, text_values


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["a", None], pa.string()),
        pa.array(["a", None], pa.large_string()),
        pa.array(["a", None], pa.string_view()),
        pa.array([b"a", None], pa.binary()),
        pa.array([b"a", None], pa.binary_view()),
        pa.array(["a", None]).dictionary_encode(),
        pa.array([b"a", None], pa.large_binary()).dictionary_encode(),
        pa.chunked_array([["a"], [None]], pa.string()),
    ],
)
def test_text_of_any_layout_becomes_large_binary(values):
    assert as_bytes(values).equals(pa.array([b"a", None], pa.large_binary()))


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.uint64()])
def test_integers_become_their_decimal_text(kind):
    assert as_bytes(pa.array([7, None, 120], kind)).to_pylist() == [b"7", None, b"120"]


def test_the_largest_integers_keep_every_digit():
    assert as_bytes(pa.array([2**64 - 1], pa.uint64())).to_pylist() == [b"18446744073709551615"]
    assert as_bytes(pa.array([-(2**63)], pa.int64())).to_pylist() == [b"-9223372036854775808"]


def test_no_values_and_only_nulls_are_fine():
    assert as_bytes(pa.chunked_array([], pa.string())).equals(pa.array([], pa.large_binary()))
    assert as_bytes(pa.nulls(2)).equals(pa.array([None, None], pa.large_binary()))


def is_utf8(value):
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(st.lists(st.none() | st.text(max_size=3).map(str.encode) | st.binary(max_size=3), max_size=40))
def test_invalid_utf8_is_found_row_by_row_and_nothing_else_is_touched(values):
    texts, invalid = text_values(pa.array(values, pa.large_binary()))
    assert invalid.tolist() == [value is not None and not is_utf8(value) for value in values]
    assert texts.to_pylist() == [None if value is None or not is_utf8(value) else value.decode() for value in values]
    assert is_blank(texts).tolist() == [bool(text) and text.isspace() for text in texts.to_pylist()]


@given(st.lists(st.none() | st.text(alphabet=" \t\n\u00a0\u2003\u3000\u200b\ufeffa", max_size=4), max_size=20))
def test_null_empty_and_blank_are_told_apart(values):
    texts = pa.array(values, pa.large_string())
    assert is_null(texts).tolist() == [value is None for value in values]
    assert is_empty(texts).tolist() == [value == "" for value in values]
    assert is_blank(texts).tolist() == [value is not None and value.isspace() for value in values]
