from __future__ import annotations

import pyarrow as pa
import pyarrow.feather
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encore.featurestore.errors import UnreadableFile, UsageError
from encore.pipelines.corpus import CorpusColumns, plan
from encore.tablefiles.columnar import arrow_files
from encore.tablefiles.columnar.arrow_files import ArrowFiles
from tests.pipelines.corpus.corpora import corpus_file, read_all, reasons_of, texts_of
from tests.tablefiles.columnar.arrow_tables import write_arrow

COLUMNS = CorpusColumns()


def table(count):
    return pa.table(
        {"n": range(count), "doc_id": [str(i) for i in range(count)], "text": [f"t {i}" for i in range(count)]}
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.integers(0, 30), st.integers(1, 12), st.integers(1, 30), st.booleans(), st.sampled_from([None, "lz4", "zstd"])
)
def test_every_row_is_read_once(tmp_path, count, batch, unit_rows, stream, compression):
    path = write_arrow(tmp_path / "x.arrow", table(count), stream=stream, compression=compression, rows=batch)
    documents, letters = read_all(path, unit_rows=unit_rows)
    assert list(texts_of(documents).items()) == [(str(i), f"t {i}") for i in range(count)]
    assert not letters


def test_record_batches_of_a_file_can_be_read_apart_and_those_of_a_stream_cannot(tmp_path):
    file = corpus_file(write_arrow(tmp_path / "a.ipc", table(7), rows=3))
    stream = corpus_file(write_arrow(tmp_path / "b.arrow", table(7), rows=3, stream=True))
    assert ArrowFiles().split_points(file).tolist() == [0, 3, 6]
    assert ArrowFiles().split_points(stream).tolist() == [0]
    assert len({unit.split for unit in plan([file], COLUMNS, 2).units}) == 3
    assert len({unit.split for unit in plan([stream], COLUMNS, 2).units}) == 1


def test_feather_is_read_and_its_first_version_is_refused(tmp_path):
    pyarrow.feather.write_feather(table(5), tmp_path / "a.feather")
    assert len(read_all(tmp_path / "a.feather")[0]) == 5
    (tmp_path / "b.feather").write_bytes(b"FEA1" + bytes(100))
    with pytest.raises(UsageError, match=r"b.feather: Feather version 1, which is not read; write version 2"):
        read_all(tmp_path / "b.feather")


def test_a_file_that_is_no_arrow_is_a_usage_error(tmp_path):
    whole = write_arrow(tmp_path / "whole.arrow", table(5)).read_bytes()
    for name, data in {"text": b"doc_id,text\n1,a\n", "cut": whole[:-20], "head": whole[:6]}.items():
        (tmp_path / f"{name}.arrow").write_bytes(data)
        with pytest.raises(UsageError, match=f"{name}.arrow: not an Arrow IPC file, or a damaged one"):
            read_all(tmp_path / f"{name}.arrow")


def test_a_missing_column_and_numbers_for_texts_are_usage_errors(tmp_path):
    path = write_arrow(tmp_path / "x.arrow", table(2))
    with pytest.raises(UsageError, match=r"x.arrow: no column body; columns there: n, doc_id, text"):
        read_all(path, columns=CorpusColumns(text="body"))
    with pytest.raises(UsageError, match=r"x.arrow: column n holds int64, expected text"):
        read_all(path, columns=CorpusColumns(text="n"))


def test_only_the_wanted_columns_are_read(tmp_path, monkeypatch):
    path = write_arrow(tmp_path / "x.arrow", table(4))
    seen = []
    sound = arrow_files._require_sound
    monkeypatch.setattr(arrow_files, "_require_sound", lambda batch: seen.append(batch.schema.names) or sound(batch))
    read_all(path)
    assert seen == [["doc_id", "text"]] * 2


def test_invalid_utf8_is_a_dead_letter(tmp_path):
    text = pa.array([b"fine", b"\xff\xfe"]).view(pa.string())
    for column in (
        text,
        text.dictionary_encode(),
        text.view(pa.binary()).cast(pa.binary_view()).view(pa.string_view()),
    ):
        path = write_arrow(tmp_path / "x.arrow", pa.table({"doc_id": ["1", "2"], "text": column}))
        documents, letters = read_all(path)
        assert texts_of(documents) == {"1": "fine"}
        assert reasons_of(letters) == [(1, "2", "text is invalid UTF-8")]


def test_offsets_that_lead_out_of_their_buffer_are_refused(tmp_path):
    path = write_arrow(tmp_path / "x.arrow", pa.table({"doc_id": ["1", "2"], "text": ["a", "b"]}))
    data = path.read_bytes()
    offsets = b"".join(offset.to_bytes(4, "little") for offset in (0, 1, 2))
    assert data.count(offsets) == 2
    at = data.rindex(offsets) + 8
    path.write_bytes(data[:at] + (2**30).to_bytes(4, "little") + data[at + 4 :])
    with pytest.raises(UnreadableFile, match=r"x.arrow: damaged"):
        read_all(path)
