"""Parquet whose bytes were changed: a failure that names the file, and never another text."""

from __future__ import annotations

from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.featurestore.errors import DataError, UnreadableFile, UsageError
from encore.heads.labels.files import read_labels
from encore.pipelines.corpus import CorpusColumns, plan
from encore.pipelines.flow.failure import Failure
from tests.deep_parquet import deep_parquet
from tests.limited import exit_code_of
from tests.pipelines.corpus.corpora import corpus_file, read_unit, write_parquet

ROWS = [{"doc_id": str(i), "text": f"the text number {i}"} for i in range(60)]
LAYOUTS = {
    "plain": {"use_dictionary": False},
    "dictionary": {"use_dictionary": True},
    "delta": {"use_dictionary": False, "column_encoding": {"doc_id": "PLAIN", "text": "DELTA_BYTE_ARRAY"}},
    "version 2 pages": {"data_page_version": "2.0"},
    "zstd": {"compression": "zstd"},
}


def pages(path, column):
    """First and last byte of a column's pages in each row group."""
    metadata = pq.read_metadata(path)
    for group in range(metadata.num_row_groups):
        chunk = metadata.row_group(group).column(column)
        start = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
        yield start, start + chunk.total_compressed_size


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_flipped_byte_fails_its_unit_and_no_text_is_silently_another(tmp_path, layout):
    path = write_parquet(tmp_path / "x.parquet", ROWS, row_group_size=20, write_page_checksum=True, **layout)
    whole = path.read_bytes()
    units = plan([corpus_file(path)], CorpusColumns(), 20).units
    expected = [read_unit(unit, CorpusColumns()).documents.table for unit in units]
    (start, stop), *_ = pages(path, 1)
    failures = []
    for at in range(start, stop, 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        planned = plan([corpus_file(path)], CorpusColumns(), 20).units
        assert [unit.rows for unit in planned] == [20, 20, 20]
        for number, unit in enumerate(planned):
            try:
                documents = read_unit(unit, CorpusColumns()).documents
            except UnreadableFile as error:
                failures.append((number, str(error).partition("damaged")[0], Failure.of("read", error).unreadable))
            else:
                assert documents.table.equals(expected[number])
    assert set(failures) == {(0, f"{path}: ", True)}


def test_a_file_that_was_replaced_by_one_of_the_same_size_is_read_anew(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", ROWS, compression="none")
    before = plan([corpus_file(path)], CorpusColumns()).units
    texts = read_unit(before[0], CorpusColumns()).documents.table["text"].to_pylist()
    path.unlink()
    write_parquet(path, ROWS[::-1], compression="none", row_group_size=30)
    (unit,) = plan([corpus_file(path)], CorpusColumns()).units
    assert read_unit(unit, CorpusColumns()).documents.table["text"].to_pylist() == texts[::-1]


@pytest.mark.parametrize("inside", [False, True])
def test_a_null_list_of_fixed_size_is_named_and_is_no_damage(tmp_path, inside):
    lists = pa.array([[1, 2], None], pa.list_(pa.int64(), 2))
    column = pa.StructArray.from_arrays([lists], ["x"]) if inside else lists
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"doc_id": ["a", "b"], "text": ["x", "y"], "k": column}), path)
    columns = CorpusColumns(keep=("k",))
    (unit,) = plan([corpus_file(path)], columns).units
    with pytest.raises(
        UnreadableFile, match=r"x.parquet: a list of fixed size is null in it, .* a plain list"
    ) as caught:
        read_unit(unit, columns)
    assert Failure.of("read", caught.value).unreadable


@pytest.mark.parametrize("levels", [101, 100_000])
def test_types_that_lie_too_deep_are_refused_and_do_not_end_the_process(tmp_path, levels):
    path = tmp_path / "labels.parquet"
    path.write_bytes(deep_parquet(levels, key=b"label"))

    def refused() -> None:
        with pytest.raises(UsageError, match=f"^{path}: not a Parquet file, or a damaged one: .*100 levels deep"):
            read_labels(path)

    assert exit_code_of(refused) == 0


def test_no_changed_byte_of_a_footer_ends_the_process(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", ROWS[:2], row_group_size=1)
    data = path.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")

    def read_all() -> None:
        for at in range(footer, len(data) - 8, 2):
            path.write_bytes(data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1 :])
            with suppress(UsageError, DataError):
                plan([corpus_file(path)], CorpusColumns(), 20)

    assert exit_code_of(read_all) == 0


def test_a_footer_that_describes_a_column_of_another_name_is_refused(tmp_path):
    # The column is one that nobody asked for: if a wanted column is renamed, planning misses it before.
    path = write_parquet(tmp_path / "x.parquet", [row | {"more": "x"} for row in ROWS[:2]])
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"more")] + b"Mess" + data[data.rindex(b"more") + 4 :])

    def refused() -> None:
        with pytest.raises((UsageError, DataError), match="describes other columns than its schema"):
            plan([corpus_file(path)], CorpusColumns(), 20)

    assert exit_code_of(refused) == 0
