from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from encore.tablefiles.csv.dialect import Dialect
from encore.tablefiles.csv.records import CsvRecords

COMMA, BACKSLASH = b",\\"
PLAIN = CsvRecords(Dialect(COMMA))
ESCAPED = CsvRecords(Dialect(COMMA, BACKSLASH, strict=False), 2)

CELLS = st.lists(st.text(alphabet='ab,"\r\n é', max_size=5), min_size=2, max_size=2)
MESSY = st.binary().map(lambda data: bytes(b'ab,"\r\n\n"\\'[byte % 9] for byte in data))
READINGS = st.sampled_from([PLAIN, replace(PLAIN, columns=2), ESCAPED])


def records_of(data, final=True, records=PLAIN):
    spans, used = records.split(data, final)
    rows = [data[start:stop] for start, stop in zip(spans.starts.tolist(), spans.stops.tolist(), strict=True)]
    return rows, spans.cells.tolist(), used


def piecewise(data, sizes, records=PLAIN):
    """The records found when the data arrive in pieces, with what is left over carried on."""
    found, cells, rest, at = [], [], b"", 0
    for size in [*sizes, len(data)]:
        rest += data[at : at + size]
        at = min(at + size, len(data))
        rows, counts, used = records_of(rest, at == len(data), records)
        found, cells, rest = found + rows, cells + counts, rest[used:]
        if at == len(data):
            break
    return found, cells


def written(rows, end):
    sink = io.StringIO()
    # With any other line end than CR LF, Python's writer leaves the other one of the two unquoted.
    csv.writer(sink, lineterminator=end, quoting=csv.QUOTE_MINIMAL if end == "\r\n" else csv.QUOTE_ALL).writerows(rows)
    return sink.getvalue().encode()


@given(st.lists(CELLS, max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_a_csv_writer_writes_is_found_record_by_record(rows, end):
    records, cells, used = records_of(data := written(rows, end))
    assert [next(csv.reader([record.decode()])) for record in records] == rows
    assert cells == [2] * len(rows)
    assert used == len(data)


@given(MESSY, st.lists(st.integers(1, 9), max_size=30), READINGS)
@example(b'a,"b"\n"c"', [6], PLAIN)
@example(b'a,"b""c"\n', [5], PLAIN)
@example(b'a,"b\nc\nd,e\n', [3], PLAIN)
@example(b'a,5"\nb,"c\nd"\n', [9], PLAIN)
def test_where_records_are_found_does_not_depend_on_how_the_data_arrive(data, sizes, records):
    assert piecewise(data, sizes, records) == records_of(data, records=records)[:2]


@given(MESSY, READINGS)
def test_counting_quotes_and_reading_cell_by_cell_agree(data, records):
    fast, slow = records.split(data, True), records._split_slowly(data, True)
    for name in ("starts", "stops", "numbers", "cells"):
        np.testing.assert_array_equal(getattr(fast[0], name), getattr(slow[0], name))
    assert fast[1] == slow[1] == len(data)


@given(MESSY, READINGS)
def test_every_byte_that_is_no_line_end_belongs_to_one_record(data, records):
    spans, _ = records.split(data, True)
    covered = np.zeros(len(data), int)
    for start, stop in zip(spans.starts, spans.stops, strict=True):
        covered[start:stop] += 1
    assert covered.max(initial=0) <= 1
    assert {data[at] for at in np.flatnonzero(covered == 0)} <= set(b"\r\n")


@pytest.mark.parametrize(
    ("data", "records", "cells"),
    [
        (b'a,5" pipe\nb,c\n', [b'a,5" pipe', b"b,c"], [2, 2]),
        (b'a,"x"y\nb,c\n', [b'a,"x"y', b"b,c"], [0, 2]),
        (b'a,"never closed\nb,c\nd,e', [b'a,"never closed', b"b,c", b"d,e"], [0, 2, 2]),
        (b'a,"open\nb,"c"\nd,e\n', [b'a,"open', b'b,"c"', b"d,e"], [0, 2, 2]),
        (b'a,"x\ny"\n', [b'a,"x\ny"'], [2]),
        (b'"",""\n', [b'"",""'], [2]),
        (b"\n\r\na,b\n\n", [b"a,b"], [2]),
        (b"a\nb,c,d\n,\n", [b"a", b"b,c,d", b","], [1, 3, 2]),
        (b"", [], []),
    ],
)
def test_a_record_with_broken_quotes_loses_its_first_line_only(data, records, cells):
    assert records_of(data)[:2] == (records, cells)
