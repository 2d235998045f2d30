"""JSON as it is written: values are found whole, and keys however they are spelled."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from encore.tablefiles.json.source import spelled_in, value_sources

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
SEPARATORS = st.tuples(st.sampled_from([",", " , ", ",\t"]), st.sampled_from([":", " :\n", ": "]))


@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=4), SEPARATORS, st.booleans())
def test_the_source_of_a_value_is_what_was_written(
    row: dict[str, object], separators: tuple[str, str], ascii_only: bool
) -> None:
    text = f" {json.dumps(row, separators=separators, ensure_ascii=ascii_only)}\n"
    written = {key: json.dumps(it, separators=separators, ensure_ascii=ascii_only) for key, it in row.items()}
    assert value_sources(text) == written


def test_of_a_repeated_key_the_last_counts() -> None:
    assert value_sources('{"a": 1, "\\u0061" : [ 2 ] }') == {"a": "[ 2 ]"}
    assert value_sources("{ }") == {}


@given(st.text(min_size=1, max_size=4), st.booleans(), st.booleans())
def test_a_name_is_found_however_it_is_spelled(name: str, ascii_only: bool, capitals: bool) -> None:
    spelled = json.dumps(name, ensure_ascii=ascii_only)[1:-1].replace("/", "\\/")
    if capitals:
        spelled = "".join(f"\\u{ord(it):04X}" if ord(it) < 0x10000 else it for it in name)
    assert spelled_in(name, f'{{"{spelled}": 1}}'.encode())


def test_a_name_that_is_not_there_is_not_found() -> None:
    assert not spelled_in("year", b'{"\\u0079ea": 1, "yEar": 2, "text": "\\n"}')
