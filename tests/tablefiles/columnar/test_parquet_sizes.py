from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.pipelines.corpus import CorpusColumns
from encore.tablefiles.columnar import parquet_sizes
from encore.tablefiles.columnar.parquet_files import ParquetFiles
from encore.tablefiles.columnar.parquet_footer import Footer, read_footer
from encore.tablefiles.columnar.parquet_sizes import GroupSizes
from tests.pipelines.corpus.corpora import corpus_file, write_parquet

WANTED = CorpusColumns().wanted
LONG = [chr(97 + number) * 200_000 for number in range(3)]


def repeated(path, **options):
    """400 rows of three texts of 200 KB: 80 MB in a small file."""
    texts = [LONG[i % 3] for i in range(400)]
    table = pa.table({"doc_id": [f"{i:03}" for i in range(400)], "text": texts})
    return corpus_file(write_parquet(path, table, compression="zstd", **options))


def scanned(file):
    blocks = list(ParquetFiles().scan(file, WANTED))
    return np.cumsum([len(block.rows) for block in blocks]), np.cumsum([block.text_bytes for block in blocks])


def test_the_footer_tells_the_decoded_size_of_repeated_texts(tmp_path):
    file = repeated(tmp_path / "x.parquet", row_group_size=100)
    assert file.bytes < 1 << 20
    assert read_footer(file).decoded == [[300, 20_000_000]] * 4
    rows, sizes = scanned(file)
    assert (rows.tolist(), sizes.tolist()) == ([100, 200, 300, 400], [20_000_300 * n for n in (1, 2, 3, 4)])


@pytest.mark.parametrize("options", [{}, {"use_dictionary": False, "column_encoding": "DELTA_BYTE_ARRAY"}], ids=str)
def test_where_the_footer_does_not_tell_the_texts_are_measured(tmp_path, options):
    file = repeated(tmp_path / "x.parquet", row_group_size=200, **options)
    silent = [[None, None]] * 2
    with patch("encore.tablefiles.columnar.parquet_files.read_footer") as footer:
        footer.return_value = Footer(pq.read_metadata(file.uri), silent)
        rows, sizes = scanned(file)
    assert (rows[-1], sizes[-1]) == (400, 400 * 200_003)
    assert np.abs(sizes - rows * 200_003).max() <= 1
    assert np.diff(rows).max() <= 6


def test_in_a_large_row_group_it_is_told_where_the_long_texts_are(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_sizes, "COARSE_BYTES", 1 << 20)
    texts = ["short"] * 500 + ["x" * 900_000] * 4 + ["short"] * 500
    rows = [{"doc_id": f"{i:04}", "text": text} for i, text in enumerate(texts)]
    ends, sizes = scanned(corpus_file(write_parquet(tmp_path / "x.parquet", rows, use_dictionary=False)))
    assert np.interp(480, ends, sizes) < 1 << 20
    assert sizes[-1] - np.interp(520, ends, sizes) < 1 << 20
    assert sizes[-1] == 1000 * 9 + 4 * 900_004


def test_a_damaged_text_page_does_not_keep_the_file_from_being_planned(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_sizes, "COARSE_BYTES", 1)
    path = write_parquet(tmp_path / "x.parquet", [{"doc_id": str(i), "text": "a" * i} for i in range(100)])
    chunk = pq.read_metadata(path).row_group(0).column(1)
    data = bytearray(path.read_bytes())
    data[chunk.data_page_offset : chunk.data_page_offset + 20] = bytes(20)
    path.write_bytes(data)
    rows, sizes = scanned(corpus_file(path))
    assert rows[-1] == 100
    assert sizes[-1] > 0


@given(
    st.lists(st.none() | st.text(max_size=5), min_size=1, max_size=30),
    st.integers(1, 8),
    st.booleans(),
    st.sampled_from([pa.string(), pa.large_string(), pa.string_view(), pa.binary()]),
    st.sampled_from([1, 8, 1 << 20]),
)
def test_sizes_are_those_of_the_values_whatever_the_layout(texts, group, dictionary, kind, coarse):
    sink = pa.BufferOutputStream()
    ids = pa.array([str(i) for i in range(len(texts))], pa.string())
    table = pa.table({"doc_id": ids, "text": pa.array([None if t is None else t.encode() for t in texts]).cast(kind)})
    pq.write_table(table, sink, row_group_size=group, use_dictionary=dictionary)
    parquet = pq.ParquetFile(pa.BufferReader(sink.getvalue()), read_dictionary=["doc_id", "text"] if dictionary else [])
    names = ["doc_id", "text"]
    expected = [len(str(i)) + len((text or "").encode()) for i, text in enumerate(texts)]
    with patch.multiple(parquet_sizes, COARSE_BYTES=coarse, FINE_BYTES=2):
        for number in range(parquet.num_row_groups):
            silent = Footer(parquet.metadata, [[None, None]] * parquet.num_row_groups)
            found = parquet_sizes.group_sizes(parquet, silent, number, names, names if dictionary else [])
            mine = np.cumsum(expected[number * group : (number + 1) * group])
            assert isinstance(found, GroupSizes)
            assert found.ends[-1] == len(mine)
            if dictionary or coarse == 1:
                assert np.array_equal(np.cumsum(found.bytes), mine[found.ends - 1])
            else:
                assert found.bytes.sum() >= mine[-1]
