"""Objects of JSON files in every layout, whole and broken, wherever blocks end."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from encore.featurestore.errors import DataError
from encore.pipelines.corpus import CorpusColumns, plan
from encore.tablefiles.json.layout import JsonLayout
from tests.pipelines.corpus.corpora import corpus_file, read_all, reasons_of, texts_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('a"\\{}[],\n\u2028é', max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab{", max_size=2), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.lists(st.dictionaries(st.text("ab}", max_size=2), VALUES, min_size=1, max_size=3), min_size=1, max_size=6)
PIECES = [b"{", b"}", b"[", b"]", b",", b":", b'"a"', b'"', b"1", b"\n", b" ", b'{"a":1}', b"\\", b"\xef\xbb\xbf"]
MESSY = st.lists(st.sampled_from(PIECES), max_size=25).map(b"".join)


def written(objects, layout):
    if layout == "array":
        return json.dumps(objects)
    if layout == "array of lines":
        return "[\n" + ",\n".join(map(json.dumps, objects)) + "\n]"
    if layout == "indented array":
        return json.dumps(objects, indent=3)
    indent = None if layout == "lines" else 1
    separator = "" if layout == "joined" else "\n"
    return separator.join(json.dumps(each, indent=indent) for each in objects)


def found_in(data, sizes=()):
    """Rows and their numbers, found as the data arrive in pieces."""
    splitter = JsonLayout.of(data).splitter()
    rows, rest, at, first = [], b"", 0, 0
    for size in [*sizes, len(data) + 1]:
        rest += data[at : at + size]
        at = min(at + size, len(data))
        final = at == len(data)
        spans, used = splitter.split(rest, final)
        bounds = zip(spans.starts.tolist(), spans.stops.tolist(), spans.numbers.tolist(), strict=True)
        rows += [(first + number, rest[start:stop]) for start, stop, number in bounds]
        rest, first = rest[used:], first + spans.span
        if final:
            break
    return rows


@given(OBJECTS, st.sampled_from(["array", "array of lines", "indented array", "lines", "over lines", "joined"]))
def test_every_object_is_a_row(objects, layout):
    rows = found_in(written(objects, layout).encode())
    assert [json.loads(row) for _, row in rows] == objects
    numbers = [number for number, _ in rows]
    assert numbers == sorted(set(numbers))


@given(MESSY, st.lists(st.integers(1, 9), max_size=30))
@example(b'{"a":1', [3])
@example(b'{\n"a":1 {"a":1}\n{"a":1}', [5])
def test_where_rows_are_found_does_not_depend_on_how_the_data_arrive(data, sizes):
    assert found_in(data, sizes) == found_in(data)


def read(folder, text, unit_rows=None):
    path = folder / "x.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    documents, letters = read_all(path, unit_rows=unit_rows)
    return texts_of(documents), reasons_of(letters)


BROKEN = "malformed JSON object"
A, B, C = (json.dumps({"doc_id": name, "text": "t"}) for name in "abc")


@pytest.mark.parametrize("unit_rows", [1, 2, None])
@pytest.mark.parametrize(
    ("text", "ids", "faults"),
    [
        (f'[{A}, {{"doc_id": "x", "text": }}, {C}]', "ac", [(1, None, "malformed JSON line")]),
        (f"[{A}, 7, {C}]", "ac", [(1, None, "malformed JSON line")]),
        (f'[\n {A},\n {{"doc_id": "x",\n  "text": "y" "z"}},\n {C}\n]', "ac", [(1, None, "malformed JSON object")]),
        (f'[\n{A},\n{{"doc_id": "x\n{C}\n]', "ac", [(1, None, "malformed JSON line")]),
        ('{\n "doc_id": "a",\n "text": "t"\n}\n{\n "doc_id": "b",\n "text": "t"\n}', "ab", []),
        (f'{A}\n{{\n "doc_id": 1\n {{"doc_id": "y", "text": "t"}}\n}}\n{C}', "ac", [(1, None, BROKEN)]),
        (f"\ufeff{A}\n\ufeff{B}\n \ufeff {C}\n", "abc", []),
        (f"\ufeff[{A}]\n\ufeff[{B}, {C}]", "abc", []),
        ("[]", "", []),
    ],
)  # fmt: skip
def test_a_broken_object_costs_itself(tmp_path, unit_rows, text, ids, faults):
    assert read(tmp_path, text, unit_rows) == (dict.fromkeys(ids, "t"), faults)


def test_a_cut_array_is_an_error_that_names_the_file(tmp_path):
    (tmp_path / "x.json").write_text(f"[{A}, {B}")
    with pytest.raises(DataError, match=r"x\.json: its JSON array is not closed: the file is cut short"):
        plan([corpus_file(tmp_path / "x.json")], CorpusColumns())


@pytest.mark.parametrize("levels", [1_000, 1_001, 60_000])
@pytest.mark.parametrize("brackets", ["[]", "{}"])
@pytest.mark.parametrize("layout", ["lines", "array"])
def test_nesting_is_measured_before_it_is_parsed(tmp_path, levels, brackets, layout):
    deep = (
        "[" * (levels - 1) + "]" * (levels - 1)
        if brackets == "[]"
        else '{"n":' * (levels - 1) + "1" + "}" * (levels - 1)
    )
    rows = [A, f'{{"doc_id": "x", "text": "[[[", "more": {deep}}}', C]
    text = "\n".join(rows) if layout == "lines" else f"[{', '.join(rows)}]"
    documents, faults = read(tmp_path, text)
    if levels > 1_000:
        assert (set(documents), faults) == (set("ac"), [(1, None, "nested more than 1,000 levels deep")])
    else:
        assert (set(documents), faults) == (set("axc"), [])


def test_brackets_in_text_are_no_nesting(tmp_path):
    assert read(tmp_path, json.dumps({"doc_id": "a", "text": "[" * 5_000 + '"{'})) == ({"a": "[" * 5_000 + '"{'}, [])


@pytest.mark.parametrize("neighbour", ["", "\n{"])
def test_of_a_key_given_twice_the_last_counts_in_both_parsers(tmp_path, neighbour):
    for first, last in [('"x"', '"y"'), ("1", '"y"'), ('"x"', '"y"'), ("null", '"y"')]:
        documents, _ = read(tmp_path, f'{{"doc_id": "b", "doc_id": "a", "text": {first}, "text": {last}}}{neighbour}')
        assert documents == {"a": "y"}
    documents, faults = read(tmp_path, f'{{"doc_id": "a", "text": "x", "text": null}}{neighbour}')
    assert (documents, faults[0]) == ({}, (0, "a", "null text"))
