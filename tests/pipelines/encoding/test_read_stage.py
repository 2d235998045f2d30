"""Units that share a row group are read together, and are otherwise units like all others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from encore.cli.printing.jobs import failed_units_advice
from encore.featurestore import Catalogue
from encore.featurestore.errors import StoreError, UnreadableFile
from encore.pipelines.corpus import CorpusColumns, group_by_split, plan
from encore.pipelines.encoding import read_stage
from encore.pipelines.encoding.job import readers_wanted
from encore.pipelines.flow.failure import Failure
from encore.pipelines.ingestion import stages
from encore.pipelines.runs.runner import RunnerChoice
from encore.tablefiles.columnar import batches
from tests.pipelines.corpus.corpora import corpus_file
from tests.pipelines.jobs import ONE_WORKER, documents, run_encode, texts, write_corpus


def fail_at(row: int, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let the batch that begins with a row fail."""
    whole = batches.as_rows

    def broken(batch: Any, first_row: int, wanted: Any) -> Any:
        if first_row == row:
            raise error
        return whole(batch, first_row, wanted)

    monkeypatch.setattr(batches, "as_rows", broken)


def test_a_unit_that_cannot_be_read_does_not_lose_the_others_of_its_row_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(40))
    fail_at(10, monkeypatch, UnreadableFile(f"{corpus}: damaged"))
    report = run_encode(tmp_path / "store", corpus, unit_rows=10)
    assert report.document["failures"] == {
        "1": {"stage": "read", "reason": f"UnreadableFile: {corpus}: damaged", "unreadable": True}
    }
    stored = set(Catalogue.open(str(tmp_path / "store")).documents()["doc_id"].to_pylist())
    assert stored == {f"d{number}" for number in range(40) if not 10 <= number < 20}
    monkeypatch.undo()
    again = run_encode(tmp_path / "store", corpus, unit_rows=10)
    assert (again.exit_code, documents(again)["encoded"], documents(again)["skipped"]) == (0, 10, 30)


def test_each_unit_is_written_before_the_next_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(40))
    events: list[str] = []
    read, finish = read_stage.read_units, stages.finish_unit

    def reading(units: Any, columns: Any) -> Any:
        for unit, found in zip(units, read(units, columns), strict=True):
            events.append(f"read {unit.number}")
            yield found

    def writing(store: Any, made: Any, codec: str) -> Any:
        events.append(f"write {made.unit.number}")
        return finish(store, made, codec)

    monkeypatch.setattr(read_stage, "read_units", reading)
    monkeypatch.setattr(stages, "finish_unit", writing)
    run_encode(tmp_path / "store", corpus, unit_rows=10)
    assert events == [f"{what} {number}" for number in range(4) for what in ("read", "write")]


def test_units_are_spread_over_the_workers_where_much_is_to_be_encoded(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(40))
    run_encode(tmp_path / "store", write_corpus(tmp_path / "first.parquet", texts(25)))
    store = Catalogue.open(str(tmp_path / "store"))
    planned = plan([corpus_file(Path(corpus))], CorpusColumns(), 5)
    for workers, wanted in ((1, 1), (2, 2), (8, 3)):
        runner = RunnerChoice.of((f"--direct_num_workers={workers}",), 8)
        assert readers_wanted(planned, store, runner) == wanted
    assert readers_wanted(planned, store, RunnerChoice(("--runner=x",), None, None)) == 3
    run_encode(tmp_path / "store", corpus)
    full = Catalogue.open(str(tmp_path / "store"))
    assert readers_wanted(planned, full, RunnerChoice.of(ONE_WORKER, 8)) == 1
    assert (
        len(
            group_by_split(
                planned.units, readers_wanted(planned, full, RunnerChoice.of(("--direct_num_workers=8",), 8))
            )
        )
        == 1
    )


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ([StoreError("x"), OSError("x")], "the same command tries them again"),
        ([UnreadableFile("x")], "mend their files first: the same command fails again"),
        ([UnreadableFile("x"), OSError("x")], "mend the files of 1 first; the same command tries the others again"),
    ],
)
def test_a_failure_that_cannot_pass_is_not_told_to_run_again(errors: list[Exception], said: str) -> None:
    failures = [Failure.of("read", error) for error in errors]
    assert failed_units_advice({str(number): vars(failure) for number, failure in enumerate(failures)}) == said
