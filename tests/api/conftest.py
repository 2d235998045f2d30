"""A corpus, labels and stores that the tests of the face share."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import encore
from tests.pipelines.jobs import ONE_WORKER, encoder, texts
from tests.templates import copied

COUNT = 40


@pytest.fixture
def corpus() -> pa.Table:
    """40 documents, with a column to keep."""
    rows = [{**row, "source": f"s{number % 3}"} for number, row in enumerate(texts(COUNT))]
    return pa.Table.from_pylist(rows)


@pytest.fixture
def labels() -> pa.Table:
    """A label for each document of the corpus."""
    return pa.table({"doc_id": [f"d{i}" for i in range(COUNT)], "label": ["even", "odd"] * (COUNT // 2)})


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the corpus."""
    folder = tmp_path_factory.mktemp("template")
    table = pa.Table.from_pylist(texts(COUNT))
    encore.encode(table, store=str(folder), encoder=encoder(), device="cpu", beam_options=ONE_WORKER, unit_rows=10)
    return folder


@pytest.fixture
def store(template: Path, tmp_path: Path) -> encore.Store:
    """A handle of a copy of the store, which a test may change."""
    return encore.open_store(copied(template, tmp_path / "features"))
