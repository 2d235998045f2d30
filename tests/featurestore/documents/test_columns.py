"""Kept columns whose types differ: every value comes back, as itself or as the text that stands for it."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encore.featurestore import Catalogue, Change, commit
from encore.featurestore.documents.column_text import texts
from encore.featurestore.documents.columns import TEXT, as_stored, promote, promoted
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.segments import writer
from encore.featurestore.segments.entries import SegmentEntry
from tests.featurestore.building import spec_of, write
from tests.featurestore.documents.column_values import arrays, arrow_types, raw, read, same

UTC = "UTC"

PROMOTIONS = [
    ([pa.null(), pa.date32()], pa.date32()),
    ([pa.int8(), pa.int32()], pa.int32()),
    ([pa.uint8(), pa.int8()], pa.int16()),
    ([pa.uint32(), pa.int8()], pa.int64()),
    ([pa.int64(), pa.uint64()], pa.decimal128(20, 0)),
    ([pa.int32(), pa.float64()], pa.float64()),
    ([pa.int64(), pa.float64()], TEXT),
    ([pa.int16(), pa.float16()], pa.float32()),
    ([pa.float16(), pa.float64()], pa.float64()),
    ([pa.decimal128(5, 2), pa.decimal128(10, 4)], pa.decimal128(10, 4)),
    ([pa.decimal128(38, 0), pa.decimal128(38, 38)], pa.decimal256(76, 38)),
    ([pa.decimal128(38, 0), pa.decimal256(76, 76)], TEXT),
    ([pa.decimal128(5, 2), pa.int8()], pa.decimal128(21, 2)),
    ([pa.decimal128(5, 2), pa.float64()], TEXT),
    ([pa.bool_(), pa.int8()], TEXT),
    ([pa.string(), pa.int8()], TEXT),
    ([pa.string(), pa.binary()], TEXT),
    ([pa.string_view(), pa.large_string()], pa.string()),
    ([pa.dictionary(pa.int8(), pa.string()), pa.string()], pa.string()),
    ([pa.binary(3), pa.binary(4)], pa.binary()),
    ([pa.timestamp("us"), pa.timestamp("ns")], TEXT),
    ([pa.timestamp("us"), pa.timestamp("us", UTC)], TEXT),
    ([pa.timestamp("us", "Europe/Berlin"), pa.timestamp("us", "+01:00")], pa.timestamp("us", UTC)),
    ([pa.timestamp("us"), pa.date32()], TEXT),
    ([pa.date64(), pa.date32()], pa.date32()),
    ([pa.time32("ms"), pa.time64("us")], TEXT),
    ([pa.duration("s"), pa.duration("ms")], TEXT),
    ([pa.list_(pa.null()), pa.list_(pa.string_view())], pa.list_(pa.string())),
    ([pa.list_(pa.int8()), pa.large_list(pa.int16())], pa.list_(pa.int16())),
    ([pa.list_(pa.int8(), 2), pa.list_view(pa.int8())], pa.list_(pa.int8())),
    ([pa.list_(pa.int8()), pa.list_(pa.string())], TEXT),
    ([pa.struct({"a": pa.int8()}), pa.struct({"a": pa.int16()})], pa.struct({"a": pa.int16()})),
    ([pa.struct({"a": pa.int8()}), pa.struct({"b": pa.int8()})], TEXT),
    ([pa.map_(pa.string(), pa.int8()), pa.map_(pa.string(), pa.float64())], pa.map_(pa.string(), pa.float64())),
    ([pa.uuid(), pa.null()], pa.binary(16)),
    ([pa.timestamp("s")], TEXT),
    ([pa.struct([])], TEXT),
]


@pytest.mark.parametrize(("types", "expected"), PROMOTIONS, ids=str)
def test_the_smallest_type_that_holds_all_values_stands_for_them(
    types: list[pa.DataType], expected: pa.DataType
) -> None:
    assert {promoted(order) for order in permutations(types)} == {expected}


@given(st.lists(arrow_types(), min_size=3, max_size=3))
@settings(max_examples=200)
def test_neither_the_order_matters_nor_what_was_joined_before(types: list[pa.DataType]) -> None:
    one, two, three = types
    found = {promoted(order) for order in permutations(types)}
    found |= {promoted([promoted([one, two]), three]), promoted([one, promoted([two, three])])}
    assert len(found) == 1


@given(st.data())
@settings(max_examples=100)
def test_every_value_is_itself_or_its_text(data: st.DataObject) -> None:
    columns = [data.draw(arrays(data.draw(arrow_types()))) for _ in range(data.draw(st.integers(1, 3)))]
    wanted = promoted(column.type for column in columns)
    for column in columns:
        held = promote(column, wanted)
        held.validate(full=True)
        assert held.type == wanted
        assert_holds(held, column)
        assert_reads(texts(column), column)


@given(st.data())
@settings(max_examples=15)
def test_a_store_gives_every_value_back_compacted_or_not(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    columns = [data.draw(arrays(data.draw(arrow_types()))) for _ in range(data.draw(st.integers(1, 3)))]
    store = Catalogue.create(str(tmp_path_factory.mktemp("store")), spec_of())
    documents = [{f"{number}-{row}": "x" for row in range(len(column))} for number, column in enumerate(columns)]
    written = [write(store, ids, {"kept": column}) for ids, column in zip(documents, columns, strict=True)]
    store = commit(store, Change(0, "encode", [SegmentEntry.of(record) for record in written]))
    before = store.documents()
    assert before["kept"].type == promoted(column.type for column in columns)
    start = 0
    for column in columns:
        assert_holds(before["kept"].combine_chunks().slice(start, len(column)), column)
        start += len(column)
    compact(store)
    after = Catalogue.open(store.uri)
    assert len(after.entries) == 1
    assert after.documents().schema == before.schema
    assert texts_of(after.documents()) == texts_of(before)
    assert len(after.gather(list(documents[0])).index) == len(documents[0])


AS_STORED_BEFORE = {
    "views in a list": pa.array([["a"], None, ["b", None]], pa.list_(pa.string_view())),
    "a list of views": pa.array([[1], None, [2]], pa.list_view(pa.int8())),
    "a dictionary": pa.array(["a", None, "b"]).dictionary_encode(),
    "dictionaries in a list": pa.array([["a"], None, ["b"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
    "an extension type": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"a" * 16] * 3, pa.binary(16))),
    "a small decimal": pa.array([Decimal("1.10"), None, None], pa.decimal32(5, 2)),
    "nanoseconds": pa.array([1, None, 3], pa.timestamp("ns", "Nowhere/Land")),
}


@pytest.mark.parametrize("kept", AS_STORED_BEFORE.values(), ids=AS_STORED_BEFORE)
def test_a_store_whose_types_were_stored_as_they_came_is_listed_and_compacted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: pa.Array
) -> None:
    store = Catalogue.create(str(tmp_path / "store"), spec_of())
    other = pa.array([Decimal("0.5")])
    with monkeypatch.context() as patch:
        patch.setattr(writer, "concatenate_indexes", lambda indexes: indexes[0])
        written = [
            write(store, {"a": "x", "b": "x", "c": "x"}, {"kept": kept}),
            write(store, {"d": "x"}, {"kept": other}),
        ]
    store = commit(store, Change(0, "encode", [SegmentEntry.of(record) for record in written]))
    store = delete(store, ["b"]).store
    before = store.documents(["doc_id", "kept"])
    assert before["doc_id"].to_pylist() == ["a", "c", "d"]
    promoted_type = promoted([kept.type, other.type])
    assert store.kept_columns().field("kept").type == promoted_type
    assert before["kept"].combine_chunks() == pa.concat_arrays(
        [promote(kept.slice(0, 1), promoted_type), promote(kept.slice(2), promoted_type), promote(other, promoted_type)]
    )
    compact(store)
    assert Catalogue.open(store.uri).documents(["doc_id", "kept"]).equals(before)


def assert_holds(held: pa.Array, column: pa.Array) -> None:
    if held.type == TEXT and as_stored(column).type != TEXT:
        assert_reads(held, column)
    elif held.type == TEXT:
        assert held.to_pylist() == texts(column).to_pylist()
    else:
        assert same([raw(value) for value in held], [raw(value) for value in column])


def assert_reads(cells: pa.Array, column: pa.Array) -> None:
    assert same([read(cell, column.type) for cell in cells.to_pylist()], [raw(value) for value in column])


def texts_of(table: pa.Table) -> list[str | None]:
    return texts(pa.concat_arrays(table["kept"].chunks)).to_pylist()  # type: ignore[no-any-return]


LONG_AGO = -(2**63)

TEXTS = [
    (pa.array([1, -(2**63)]), ["1", "-9223372036854775808"]),
    (pa.array([True, False, None]), ["true", "false", None]),
    (pa.array([5.0, 0.1, 1e16, 1e-7, -0.0]), ["5", "0.1", "1e+16", "1e-07", "-0"]),
    (pa.array([float("nan"), float("inf"), float("-inf")]), ["NaN", "Infinity", "-Infinity"]),
    (pa.array([0.1], pa.float32()), ["0.1"]),
    (pa.array([Decimal("1.10"), Decimal("1E-10")], pa.decimal128(20, 10)), ["1.1000000000", "0.0000000001"]),
    (pa.array([Decimal("1.10")], pa.decimal128(5, 2)), ["1.10"]),
    (pa.array([b"\xff\x00"]), ["ff00"]),
    (pa.array([0, -719_529, 2_932_897], pa.date32()), ["1970-01-01", "-0001-12-31", "+10000-01-01"]),
    (
        pa.array([1, 10**9, -1], pa.timestamp("ns")),
        ["1970-01-01T00:00:00.000000001", "1970-01-01T00:00:01", "1969-12-31T23:59:59.999999999"],
    ),
    (pa.array([LONG_AGO], pa.timestamp("us", "Nowhere/Land")), ["-290308-12-21T19:59:05.224192Z"]),
    (pa.array([3_600_500], pa.time32("ms")), ["01:00:00.5"]),
    (pa.array([-1_500, 90_061_000], pa.duration("ms")), ["PT-1.5S", "PT90061S"]),
    (pa.array([[1, None], None, []]), ["[1, null]", None, "[]"]),
    (pa.array([{"b": "ü\n", "a": [Decimal("1.10")]}]), ['{"b": "ü\\n", "a": [1.10]}']),
    (pa.array([[float("nan"), 2.0]]), ['["NaN", 2]']),
    (pa.array([[(1, "x"), (1, None)]], pa.map_(pa.int8(), pa.string())), ['[[1, "x"], [1, null]]']),
    (pa.array([(1, 2, 3)], pa.month_day_nano_interval()), ["P1M2DT0.000000003S"]),
    (pa.array(["a", None, "a"], pa.run_end_encoded(pa.int32(), pa.string())), ["a", None, "a"]),
    (pa.array(["a"], pa.string_view()), ["a"]),
    (pa.array([[b"\xff"]]).cast(pa.list_(pa.binary())).view(pa.list_(pa.string())), ['["\\\\xff"]']),
    (
        pa.UnionArray.from_sparse(
            pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array([3, 4], pa.timestamp("ns"))]
        ),
        ["1", '"1970-01-01T00:00:00.000000004"'],
    ),
]


@pytest.mark.parametrize(("column", "expected"), TEXTS, ids=lambda given: str(getattr(given, "type", "")))
def test_the_text_of_a_value_is_pinned(column: pa.Array, expected: list[str | None]) -> None:
    assert texts(column).to_pylist() == expected
