from __future__ import annotations

from pathlib import Path

import pytest

from encore.featurestore.errors import DataError, UsageError
from encore.tablefiles import list_files
from tests.pipelines.corpus.corpora import read_all, texts_of
from tests.tablefiles.input_files import INPUT_FILES, TEXTS, InputFile


@pytest.mark.parametrize("file", INPUT_FILES, ids=lambda file: f"{file.what} ({file.name})")
def test_a_file_is_read_exactly_or_refused_or_named(tmp_path: Path, file: InputFile) -> None:
    (tmp_path / file.name).write_bytes(file.data)
    (tmp_path / "beside.jsonl").write_bytes(b'{"doc_id": "0", "text": "beside"}\n')
    if file.unread:
        listing = list_files([str(tmp_path)])
        assert [(Path(it.uri).name, it.reason) for it in listing.unread] == [(file.name, file.unread)]
        assert [Path(it.uri).name for it in listing.files] == ["beside.jsonl"]
    elif file.refused:
        with pytest.raises((UsageError, DataError), match=f"{file.name}.*({file.refused})"):
            read_all(tmp_path, options=file.options)
    else:
        documents, letters = read_all(tmp_path / file.name, options=file.options, unit_rows=2)
        assert texts_of(documents) == TEXTS
        assert not letters


def test_spark_files_of_which_nothing_is_said_store_nothing_wrong(tmp_path: Path) -> None:
    (file,) = (file for file in INPUT_FILES if "Spark" in file.what)
    (tmp_path / file.name).write_bytes(file.data)
    documents, letters = read_all(tmp_path)
    assert texts_of(documents).items() <= TEXTS.items()
    assert letters
    assert all("--csv-escape" in letter.reason for letter in letters)
