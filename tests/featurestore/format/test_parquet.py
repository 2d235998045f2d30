"""Parquet that anybody may have written: as pyarrow reads it, or refused before it takes memory."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.featurestore import StoreError
from encore.featurestore.format import parquet
from encore.featurestore.format.parquet import read_parquet
from encore.featurestore.format.thrift import read_struct
from tests.deep_parquet import deep_parquet
from tests.limited import exit_code_of

LONG = "x" * 50_000
TABLES = {
    "numbers": pa.table({"n": range(1000), "f": [0.5] * 1000}),
    "texts": pa.table({"t": [f"text {i}" for i in range(1000)], "same": ["always"] * 1000}),
    "long texts that repeat": pa.table({"t": [LONG] * 200}),
    "lists of texts": pa.table({"l": [["one", "two"], [], None, [LONG] * 50] * 20}),
    "dictionaries": pa.table({"d": pa.array([LONG, "short"] * 100).dictionary_encode()}),
    "structs": pa.table({"s": [{"a": {"b": [i]}} for i in range(50)]}),
    "maps": pa.table({"m": pa.array([[("k", 1)]] * 50, pa.map_(pa.string(), pa.int64()))}),
    "no rows": pa.table({"n": pa.array([], pa.int64())}),
    "no columns": pa.table({}),
}


def parquet_of(table: pa.Table, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **{"compression": "zstd", **options})
    return sink.getvalue().to_pybytes()


class TestSoundFiles:
    @pytest.mark.parametrize("name", TABLES)
    @pytest.mark.parametrize("use_dictionary", [True, False])
    @pytest.mark.parametrize("version", ["1.0", "2.0"])
    def test_are_read_as_pyarrow_reads_them(
        self, monkeypatch: pytest.MonkeyPatch, name: str, use_dictionary: bool, version: str
    ) -> None:
        table = TABLES[name]
        data = parquet_of(table, use_dictionary=use_dictionary, data_page_version=version, row_group_size=150)
        # So that the values which a dictionary repeats are counted.
        monkeypatch.setattr(parquet, "LEAST_LIMIT", 1 << 16)
        monkeypatch.setattr(parquet, "GROWTH", 1 << 20)
        assert read_parquet(data, "x", rows=table.num_rows).equals(pq.read_table(pa.BufferReader(data)))

    def test_give_some_columns_in_the_order_asked_for(self) -> None:
        data = parquet_of(TABLES["texts"])
        assert read_parquet(data, "x", columns=["same", "none", "t"]).column_names == ["same", "t"]


class TestFilesThatAreNotWhatIsKnown:
    @pytest.mark.parametrize(
        ("table", "known", "why"),
        [
            (TABLES["numbers"], {"rows": 999}, "1000 rows, expected 999"),
            (pa.table({"n": [7] * 100_000}), {"row_bytes": 16}, "100000 rows do not fit into .* bytes"),
            (pa.Table.from_arrays([pa.array([1])] * 2, ["n", "n"]), {}, "two columns have the same name"),
        ],
    )
    def test_are_refused(self, table: pa.Table, known: dict[str, int], why: str) -> None:
        with pytest.raises(StoreError, match=rf"^lists/x: damaged: {why}; run encore repair"):
            read_parquet(parquet_of(table), "lists/x", **known)

    @pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1PAR1", b"\xff" * 8 + b"PAR1", b"no Parquet at all"])
    def test_are_refused_where_there_is_no_footer(self, data: bytes) -> None:
        with pytest.raises(StoreError, match=r"^x: damaged: "):
            read_parquet(data, "x")


class TestFilesThatWouldTakeMemory:
    """A page that decodes to much; a dictionary that does; a dictionary that repeats much, in lists too."""

    @pytest.mark.parametrize(
        ("column", "use_dictionary"),
        [
            (["x" * 2_000_000], False),
            (["x" * 2_000_000], True),
            ([LONG] * 100, True),
            ([[LONG] * 50, [LONG] * 50], True),
            (pa.array([b"x" * 40_000] * 100, pa.binary(40_000)), True),
            ([["a"] * 400_000], True),
        ],
    )
    def test_are_refused_before_they_are_decoded(
        self, monkeypatch: pytest.MonkeyPatch, column: object, use_dictionary: bool
    ) -> None:
        data = parquet_of(pa.table({"t": column}), use_dictionary=use_dictionary)
        assert len(data) < 20_000
        table = read_parquet(data, "x")
        monkeypatch.setattr(parquet, "LEAST_LIMIT", 1_000_000)
        monkeypatch.setattr(parquet, "GROWTH", 10)
        asked: list[object] = []
        read = pq.ParquetFile.read
        monkeypatch.setattr(pq.ParquetFile, "read", lambda self, *a, **k: asked.append(k) or read(self, *a, **k))
        with pytest.raises(StoreError, match=r"^x: damaged: \d+ bytes would decode to more than 1000000; run "):
            read_parquet(data, "x")
        # At most, it has looked at the dictionary.
        assert all("use_threads" not in options for options in asked)
        assert table.num_rows == len(column)  # type: ignore[arg-type]

    def test_may_have_large_columns_that_nobody_asks_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = parquet_of(pa.table({"n": [1], "t": ["x" * 2_000_000]}))
        monkeypatch.setattr(parquet, "LEAST_LIMIT", 1_000_000)
        assert read_parquet(data, "x", columns=["n"])["n"].to_pylist() == [1]

    def test_are_refused_where_a_column_has_more_than_its_offsets_tell(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parquet, "COLUMN_LIMIT", 1_000_000)
        monkeypatch.setattr(parquet, "LEAST_LIMIT", 500_000)
        monkeypatch.setattr(parquet, "GROWTH", 1 << 20)
        with pytest.raises(StoreError, match="decode to more than 1000000"):
            read_parquet(parquet_of(pa.table({"t": [LONG] * 100})), "x")

    def test_are_refused_where_pages_say_less_than_they_hold(self) -> None:
        data = parquet_of(pa.table({"n": list(range(100_000))}), use_dictionary=False, write_statistics=False)
        header, _ = read_struct(data, 4)
        size = bytes([0x15, *digits(header[2] << 1)])
        smaller = data.replace(size, bytes([0x15, *digits((header[2] // 100) << 1, len(size) - 1)]), 1)
        assert read_struct(smaller, 4)[0][2] == header[2] // 100
        with pytest.raises(StoreError, match=r"^x: damaged: "):
            read_parquet(smaller, "x")


def test_a_column_that_lies_in_another_file_is_refused() -> None:
    data = parquet_of(pa.table({"n": range(10)}))
    metadata = pq.read_metadata(pa.BufferReader(data))
    metadata.set_file_path("another.parquet")
    footer = pa.BufferOutputStream()
    metadata.write_metadata_file(footer)
    pages = data[: -8 - int.from_bytes(data[-8:-4], "little")]
    elsewhere = pages + footer.getvalue().to_pybytes()[4:]
    assert read_parquet(data, "x").num_rows == 10
    with pytest.raises(StoreError, match=r"^x: damaged: column n lies in another file"):
        read_parquet(elsewhere, "x")


def digits(value: int, length: int = 0) -> list[int]:
    """A number in Thrift's digits, the last of them empty where there are to be more of them."""
    found = []
    while value > 127 or len(found) + 1 < length:
        found.append(value & 127 | 128)
        value >>= 7
    return [*found, value]


class TestTypesThatLieDeep:
    @pytest.mark.parametrize("levels", [101, 5_000, 100_000])
    def test_are_refused(self, levels: int) -> None:
        def refused() -> None:
            with pytest.raises(StoreError, match=r"^x: damaged: .*types are nested more than 100 levels deep"):
                read_parquet(deep_parquet(levels), "x")

        assert exit_code_of(refused) == 0

    def test_are_read_as_far_as_anybody_goes(self) -> None:
        assert read_parquet(deep_parquet(99), "x").num_rows == 0


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_changed_byte_ends_the_process(at_once: int) -> None:
    data = parquet_of(pa.table({"t": ["a", "b"], "n": [1, 2]}), write_page_checksum=True)
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")

    def read_all() -> None:
        for at in range(footer, len(data) - at_once, at_once):
            for mask in (0x01, 0x0F, 0x41, 0x80):
                changed = bytes(byte ^ mask for byte in data[at : at + at_once])
                # Some changed bytes say nothing about rows; a file with any other is refused.
                with suppress(StoreError):
                    read_parquet(data[:at] + changed + data[at + at_once :], "x")

    assert exit_code_of(read_all) == 0


def test_the_lengths_that_a_dictionary_repeats_are_added_up() -> None:
    values = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 1], pa.int32()), pa.array(["four", "three"]))
    assert parquet._text_bytes(values) == 14
    assert parquet._text_bytes(pa.array([[1, 2]], pa.list_(pa.int64()))) == np.int64(16)
