from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.tablefiles.json import rows as json_rows
from encore.tablefiles.json.rows import parse_rows, split_lines
from encore.tablefiles.text.byte_ranges import ByteBlock

TEXTS = ("t",)


def block_of(*lines):
    data = b"\n".join(lines)
    spans, used = split_lines(data, True)
    assert used == len(data)
    return ByteBlock(data, 0, 0, spans)


def parse(*lines, keep=()):
    parsed = parse_rows(block_of(*lines), "i", TEXTS, keep)
    values = {name: column.to_pylist() for name, column in parsed.values.items()}
    return parsed.positions.tolist(), values, [(f.position, f.key, f.reason) for f in parsed.faults]


@given(st.lists(st.sampled_from([b"", b" ", b"\r", b"\t ", b"{}", b"  {} \r", b"{", b"x"]), max_size=12), st.booleans())
def test_lines_are_numbered_blank_ones_included_and_blank_ones_are_no_rows(lines, ended):
    data = b"\n".join(lines) + b"\n" * ended
    spans, used = split_lines(data, True)
    physical = data.split(b"\n")
    assert used == len(data)
    assert spans.numbers.tolist() == [number for number, line in enumerate(physical) if line.strip()]
    assert [data[start:stop] for start, stop in zip(spans.starts, spans.stops, strict=True)] == [
        line.strip() for line in physical if line.strip()
    ]
    assert spans.span == len(physical) - (physical[-1] == b"")


@given(st.binary().map(lambda data: bytes(b"{} \r\n\n"[byte % 6] for byte in data)), st.integers(0, 40))
def test_lines_found_in_two_pieces_are_the_lines_found_in_one(data, cut):
    first, used = split_lines(data[:cut], False)
    second, rest = split_lines(data[used:], True)
    whole, _ = split_lines(data, True)
    assert used + rest == len(data)
    assert [*first.starts, *(second.starts + used)] == whole.starts.tolist()
    assert [*first.stops, *(second.stops + used)] == whole.stops.tolist()
    assert [*first.numbers, *(second.numbers + first.span)] == whole.numbers.tolist()


def test_text_is_kept_exactly_as_given():
    texts = ["", " a ", "é\u2028\0", 'q"\\/', "😀", "2020-01-01 00:00:00", "1", "true", "a\nb\r\n"]
    lines = [json.dumps({"i": str(n), "t": text}, ensure_ascii=n % 2 == 0).encode() for n, text in enumerate(texts)]
    _, values, faults = parse(*lines)
    assert [text.decode() for text in values["t"]] == texts
    assert not faults


def test_null_and_no_such_key_are_both_null():
    assert parse(b'{"i":"a","t":null}', b'{"i":"b"}', b'{"t":"c"}', b"{}") == (
        [0, 1, 2, 3],
        {"i": [b"a", b"b", None, None], "t": [None, None, b"c", None]},
        [],
    )


def test_integer_ids_become_their_decimal_text_whatever_their_neighbours_are():
    integers = [b'{"i":7,"t":"x"}', b'{"i":-0,"t":"x"}', b'{"i":123456789012345678901234567890,"t":"x"}']
    expected = [b"7", b"0", b"123456789012345678901234567890"]
    for line, key in zip(integers, expected, strict=True):
        assert parse(line)[1]["i"] == [key]
    assert parse(*integers, b'{"i":"z","t":"x"}')[1]["i"] == [*expected, b"z"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"i":"a","t":5}', ("a", "t is a number")),
        (b'{"i":5,"t":5.5}', ("5", "t is a number")),
        (b'{"i":"a","t":true}', ("a", "t is a boolean")),
        (b'{"i":"a","t":{"x":1}}', ("a", "t is an object")),
        (b'{"i":"a","t":["x"]}', ("a", "t is an array")),
        (b'{"i":1.5,"t":"x"}', (None, "id is a number")),
        (b'{"i":1e3,"t":"x"}', (None, "id is a number")),
        (b'{"i":false,"t":"x"}', (None, "id is a boolean")),
        (b'{"i":[],"t":5}', (None, "id is an array")),
        (b'{"i":"a","t":"x"', (None, "malformed JSON line")),
        (b'{"i":"a","t":"x"}}', (None, "malformed JSON line")),
        (b'{"i":"a","t":"x"}{"i":"b","t":"y"}', (None, "malformed JSON line")),
        (b'{"i":"a","t":"x\ty"}', (None, "malformed JSON line")),
        (b'{"i":"a","t":"x",}', (None, "malformed JSON line")),
        (b'["a","x"]', (None, "malformed JSON line")),
        (b'"a"', (None, "malformed JSON line")),
        (b"doc,text", (None, "malformed JSON line")),
    ],
)
def test_a_row_at_fault_is_named_and_its_neighbours_are_read(line, fault):
    positions, values, faults = parse(b'{"i":"n","t":"x"}', line, b'{"i":"m","t":"y"}')
    assert positions == [0, 2]
    assert values == {"i": [b"n", b"m"], "t": [b"x", b"y"]}
    assert faults == [(1, *fault)]


def test_a_text_of_the_wrong_type_under_no_usable_id_is_left_to_validation():
    assert parse(b'{"i":"","t":5}', b'{"t":5}', b'{"i":"\xff","t":5}')[1] == {
        "i": [b"", None, b"\xff"],
        "t": [None, None, None],
    }


def test_invalid_utf8_comes_through_as_bytes_alone_and_among_malformed_lines():
    lines = [b'{"i":"a","t":"x\xff"}', b'{"i":"b","t":"\xed\xa0\x80"}', b'{"i":"c","t":"ok","other":"\xff"}']
    expected = [b"x\xff", b"\xed\xa0\x80", b"ok"]
    assert parse(*lines)[1]["t"] == expected
    assert parse(*lines, b"{")[1]["t"] == expected


@pytest.mark.parametrize("escape", [rb"\ud800", rb"\udc00", rb"a\ud800b", rb"\udc80\ud800", rb"\ud800\ud800"])
def test_a_lone_surrogate_comes_through_as_invalid_utf8(escape):
    (text,) = parse(b'{"i":"a","t":"' + escape + b'"}')[1]["t"]
    with pytest.raises(UnicodeDecodeError):
        text.decode()


def test_of_a_key_given_twice_the_last_counts():
    assert parse(b'{"i":"a","t":"x","t":"y"}')[1]["t"] == [b"y"]


def test_objects_that_span_lines_or_share_one_do_not_shift_their_neighbours():
    lines = [b'{"i":"a","t":"x"}{"i":"b","t":"y"}', b'{"i":"c",', b'"t":"z"}', b'{"i":"d","t":"w"}']
    positions, values, faults = parse(*lines)
    assert positions == [3]
    assert values["i"] == [b"d"]
    assert [reason for _, _, reason in faults] == ["malformed JSON line"] * 3


def test_kept_columns_are_text_strings_as_they_are_and_other_values_as_they_are_written():
    lines = [b'{"i":"a","t":"x","k":"s"}', b'{"i":"b","t":"x","k":{"n":[1,"\xc3\xa9"]}}', b'{"i":"c","t":"x","k":2}']
    values = parse(*lines, b'{"i":"d","t":"x"}', keep=("k",))[1]
    assert values["k"] == [b"s", '{"n":[1,"é"]}'.encode(), b"2", None]
    assert parse(lines[0], keep=("k",))[1]["k"] == [b"s"]


@pytest.mark.parametrize(
    "value",
    [
        b"1.10",
        b"1e400",
        b"-0",
        b"12345678901234567890.0",
        b"98765432109876543210987654321",
        b"true",
        b"NaN",
        b'{"b":1.10, "a" : [1e400,"\\u00e9\xc3\xa9\\ud800"],"b":2}',
        b"[ ]",
    ],
)
def test_a_kept_value_is_what_is_written_in_the_line(value):
    lines = [
        b'{"i":"a", "k\\u00e9" :%b\t,"t":"k\xc3\xa9: 7"}' % value,
        b'{"k":7,"i":"b","k\xc3\xa9":0,"t":"","k\xc3\xa9": %b }' % value,
    ]
    for line in lines:
        positions, values, faults = parse(line, keep=("ké",))
        assert (positions, values["ké"], faults) == ([0], [value], [])


def test_the_id_may_be_kept_too():
    assert parse(b'{"i":7,"t":"x"}', keep=("i",))[1]["i"] == [b"7"]
    assert parse(b'{"i":7,"t":"x"}', b'{"i":"a","t":"x"}', keep=("i",))[1]["i"] == [b"7", b"a"]


LINES = st.sampled_from(
    [
        b'{"i":"a","t":"x"}',
        b'{"i":7,"t":"y"}',
        b' {"i":"b","t":null} ',
        b'{"i":"c","t":"\xff"}',
        b'{"i":"\xff","t":"x"}',
        b'{"i":"d","t":4}',
        b'{"t":"no id"}',
        b'{"i":"e","t":"\\ud800"}',
        b'{"i":"f","t":"z","more":[{"deep":NaN}]}',
        b'{"i":"g","t":"z","more":Inf}',
        b'{"i":"h","t":"z","more":' + b"9" * 5000 + b"}",
        b'{"i":"j","t":"z","more":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"i":"k","i":"l","t":"z"}',
        b"\xef\xbb\xbf" + b'{"i":"m","t":"z"}',
        b'{"i":"n","t":"z","more":1e999}',
        b'{"i":"o"',
        b'"t":"p"}',
        b'{"i":"q","t":"r"}{"i":"s","t":"t"}',
        b"{}",
        b"[]",
        b"",
    ]
)


@given(st.lists(LINES, max_size=6))
def test_what_becomes_of_a_row_does_not_depend_on_its_neighbours(lines):
    together = parse_rows(block_of(*lines), "i", TEXTS)
    rows = [line for line in lines if line]
    cells = zip(*(column.to_pylist() for column in together.values.values()), strict=True)
    read = dict(zip(together.positions.tolist(), cells, strict=True))
    failed = {fault.position: fault for fault in together.faults}
    assert sorted([*read, *failed]) == list(range(len(rows)))
    for position, line in enumerate(rows):
        alone = parse_rows(block_of(line), "i", TEXTS)
        assert len(alone.positions) == (position in read)
        if position in read:
            assert read[position] == tuple(column[0].as_py() for column in alone.values.values())
        else:
            assert (failed[position].key, failed[position].reason) == (
                alone.faults[0].key,
                alone.faults[0].reason,
            )


def test_well_formed_lines_are_never_read_one_by_one(monkeypatch):
    monkeypatch.setattr(json_rows, "_parse_lines", None)
    positions, values, _ = parse(b'{"i":1,"t":"x"}', b"", b'{"i":2,"t":"y"}\r', b'  {"i":3,"t":"z"} ')
    assert positions == [0, 1, 2]
    assert values == {"i": [b"1", b"2", b"3"], "t": [b"x", b"y", b"z"]}
    assert np.array_equal(split_lines(b"{}\n\n{}", True)[0].numbers, [0, 2])
