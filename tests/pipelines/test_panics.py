"""A library that panics costs no more than what it panics on: one dead letter or one failed unit, never the job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from encore.featurestore import Catalogue
from encore.pipelines.corpus import CorpusColumns, WorkUnit, read_units
from encore.pipelines.corpus.reading import UnitRead
from encore.pipelines.encoding import read_stage
from tests.panics import GIVES_UP, REASON, panic, tiny_bert_giving_up
from tests.pipelines.jobs import documents, run_encode, texts, write_corpus
from tests.pipelines.letter_files import dead_letters_from_parquet

COUNT = 9


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_bert_giving_up(tmp_path_factory.mktemp("gives-up")))


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    rows = [{"doc_id": f"d{number}", "text": f"news{number}"} for number in range(COUNT)]
    rows[4]["text"] = GIVES_UP
    return write_corpus(tmp_path / "corpus.parquet", rows)


def test_a_text_that_the_tokenizer_panics_on_is_a_dead_letter_in_every_run(
    encoder: str, corpus: str, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    first = run_encode(store, corpus, encoder=encoder, quantizer="uint8", unit_rows=COUNT)
    assert first.exit_code == 0
    assert documents(first) == documents(first) | {"encoded": COUNT - 1, "dead": 1}
    again = run_encode(store, corpus, encoder=encoder, quantizer="uint8", unit_rows=COUNT)
    assert again.exit_code == 0
    assert documents(again) == documents(again) | {"encoded": 0, "skipped": COUNT - 1, "dead": 1}
    opened = Catalogue.open(str(store))
    assert len(opened) == COUNT - 1
    letters = [
        letter
        for path, _ in opened.objects.walk("runs")
        if path.endswith(".parquet")
        for letter in dead_letters_from_parquet(opened.objects.get(path))
    ]
    assert {(letter.doc_id, letter.row, letter.stage, letter.reason) for letter in letters} == {
        ("d4", 4, "tokenize", REASON)
    }


def test_a_unit_whose_reading_panics_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def panicking(units: Sequence[WorkUnit], columns: CorpusColumns) -> Iterator[UnitRead]:
        for unit, read in zip(units, read_units(units, columns), strict=True):
            if unit.number == 1:
                panic()
            yield read

    store, corpus = tmp_path / "store", write_corpus(tmp_path / "corpus.parquet", texts(COUNT))
    monkeypatch.setattr(read_stage, "read_units", panicking)
    report = run_encode(store, corpus, quantizer="uint8", unit_rows=COUNT // 3)
    assert report.exit_code == 1
    assert len(Catalogue.open(str(store))) == COUNT - COUNT // 3
