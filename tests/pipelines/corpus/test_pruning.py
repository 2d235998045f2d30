"""What cannot be read has not left the corpus: pruning takes only documents that are readably gone."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from encore.featurestore import Catalogue, UsageError
from encore.pipelines.corpus.pruning import PruneLimit
from encore.pipelines.dead_letters import DeadLetterLimit
from encore.pipelines.runs.report import JobReport
from tests.pipelines.jobs import run_encode, texts, write_corpus
from tests.templates import copied

ROWS = texts(40)
ANY = DeadLetterLimit.parse("1.0")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty documents in three files, and a store of them."""
    folder = tmp_path_factory.mktemp("template") / "corpus"
    folder.mkdir()
    write_json_lines(folder / "a.jsonl", 0, 15)
    write_csv(folder / "b.csv", 15, 30)
    write_corpus(folder / "c.parquet", ROWS[30:])
    run_encode(folder.parent / "store", str(folder))
    return folder.parent


@pytest.fixture
def corpus(template: Path, tmp_path: Path) -> Path:
    return copied(template, tmp_path) / "corpus"


def write_json_lines(path: Path, start: int, stop: int) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS[start:stop]))


def write_csv(path: Path, start: int, stop: int) -> None:
    path.write_text("doc_id,text\n" + "".join(f'{row["doc_id"]},"{row["text"]}"\n' for row in ROWS[start:stop]))


def prune(corpus: Path, limit: str | None = "1.0") -> JobReport:
    return run_encode(corpus.parent / "store", str(corpus), prune=True, limit=ANY, prune_limit=PruneLimit.parse(limit))


def stored(corpus: Path) -> set[str]:
    return set(Catalogue.open(str(corpus.parent / "store")).documents()["doc_id"].to_pylist())


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])


def spoil_five_lines(corpus: Path) -> None:
    lines = (corpus / "a.jsonl").read_text().splitlines()
    (corpus / "a.jsonl").write_text("\n".join(["{"] * 5 + lines[5:]) + "\n")


def stray_quote(corpus: Path) -> None:
    lines = (corpus / "b.csv").read_text().splitlines()
    lines[3] = f'"{lines[3]}'
    (corpus / "b.csv").write_text("\n".join(lines) + "\n")


def bad_byte_in_an_id(corpus: Path) -> None:
    data = (corpus / "a.jsonl").read_bytes()
    (corpus / "a.jsonl").write_bytes(data.replace(b'"d3"', b'"d\xff"'))


def missing_id(corpus: Path) -> None:
    data = (corpus / "a.jsonl").read_bytes()
    (corpus / "a.jsonl").write_bytes(data.replace(b'"doc_id": "d3", ', b""))


def zipped(corpus: Path) -> None:
    (corpus / "a.jsonl.zip").write_bytes(b"PK\x03\x04")
    (corpus / "a.jsonl").unlink()


def emptied(corpus: Path) -> None:
    (corpus / "a.jsonl").write_bytes(b"")


def linked_to_nothing(corpus: Path) -> None:
    (corpus / "a.jsonl").unlink()
    (corpus / "a.jsonl").symlink_to("/nowhere/a.jsonl")


def cut_in_a_bare_cell(corpus: Path) -> None:
    lines = (corpus / "b.csv").read_text().replace('"', "").splitlines()
    (corpus / "b.csv").write_text("\n".join(lines[:9])[:-2])


@pytest.mark.parametrize(
    "happens",
    [
        spoil_five_lines,
        lambda corpus: cut(corpus / "a.jsonl"),
        lambda corpus: cut(corpus / "b.csv"),
        cut_in_a_bare_cell,
        stray_quote,
        bad_byte_in_an_id,
        missing_id,
        zipped,
        emptied,
        linked_to_nothing,
    ],
    ids=["malformed", "cut JSON", "cut CSV", "cut cell", "quote", "byte", "no id", "zip", "empty", "link"],
)
def test_nothing_is_pruned_while_a_row_or_a_file_cannot_be_read(corpus: Path, happens: Callable[[Path], None]) -> None:
    happens(corpus)
    report = prune(corpus)
    pruning = report.document["pruning"]
    assert pruning["obstacles"]
    assert pruning["left"] > 0
    assert (report.exit_code, report.document["pruned"], pruning["withheld"]) == (1, 0, True)
    assert stored(corpus) == {row["doc_id"] for row in ROWS}


def test_an_obstacle_without_anything_to_prune_is_no_failure(corpus: Path) -> None:
    (corpus / "readme.md").write_text("about this folder")
    report = prune(corpus)
    assert (report.exit_code, report.document["pruning"]["withheld"]) == (0, False)
    (corpus / "a.jsonl").unlink()
    report = prune(corpus)
    assert report.document["pruning"]["obstacles"] == [f"not read: {corpus}/readme.md: unknown ending"]
    assert (report.exit_code, report.document["pruning"]["withheld"]) == (1, True)


def test_the_first_row_without_an_id_is_named(corpus: Path) -> None:
    bad_byte_in_an_id(corpus)
    assert prune(corpus).document["pruning"]["obstacles"] == [
        f"1 row without an id that can be read, the first in {corpus}/a.jsonl row 3"
    ]


def test_a_file_that_was_compressed_in_place_has_not_left(corpus: Path) -> None:
    data = (corpus / "a.jsonl").read_bytes()
    (corpus / "a.jsonl").unlink()
    (corpus / "a.jsonl.gz").write_bytes(gzip.compress(data))
    report = prune(corpus)
    assert report.document["pruned"] == 0
    assert stored(corpus) == {row["doc_id"] for row in ROWS}


def test_an_export_of_one_row_of_forty_prunes_nothing_and_lists_what_would_go(corpus: Path) -> None:
    for path in corpus.iterdir():
        path.unlink()
    write_json_lines(corpus / "a.jsonl", 7, 8)
    report = prune(corpus, limit=None)
    pruning = report.document["pruning"]
    assert (report.exit_code, report.document["pruned"], pruning["left"], pruning["stored"]) == (1, 0, 39, 40)
    assert (pruning["within"], pruning["limit"]) == (False, "10 % of the stored documents")
    assert stored(corpus) == {row["doc_id"] for row in ROWS}
    others = {row["doc_id"] for row in ROWS} - {"d7"}
    assert set(pq.read_table(pruning["list"])["doc_id"].to_pylist()) == others
    assert len(report.left_corpus) == 20
    assert set(report.left_corpus) < others
    assert '"d3"' not in report.to_json()
    again = prune(corpus, limit="39")
    assert (again.exit_code, again.document["pruned"]) == (0, 39)
    assert stored(corpus) == {"d7"}


def test_a_tenth_of_the_store_may_go_unless_told_otherwise(corpus: Path) -> None:
    write_corpus(corpus / "c.parquet", ROWS[30:36])
    report = prune(corpus, limit=None)
    assert (report.exit_code, report.document["pruned"]) == (0, 4)
    assert set(report.left_corpus) == {"d36", "d37", "d38", "d39"}
    assert stored(corpus) == {row["doc_id"] for row in ROWS[:36]}


def test_a_corpus_that_has_lost_nothing_prunes_nothing_and_lists_nothing(corpus: Path) -> None:
    report = prune(corpus, limit="0")
    assert (report.exit_code, report.document["pruned"], report.left_corpus) == (0, 0, ())
    assert "list" not in report.document["pruning"]


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        (
            {"dead_letters": "corpus/rejected"},
            "--dead-letters .*rejected: lies in the input .*, where the next run would read it",
        ),
        ({"report": "corpus/last.json"}, "--report .*last.json: lies in the input"),
        ({"metrics": "corpus/last.prom"}, "--metrics .*last.prom: lies in the input"),
    ],
)
def test_an_output_among_the_inputs_is_refused_on_the_first_night(
    corpus: Path, outputs: dict[str, str], words: str
) -> None:
    before = sorted(corpus.parent.rglob("*"))
    asked = {name: str(corpus.parent / path) for name, path in outputs.items()}
    with pytest.raises(UsageError, match=words):
        run_encode(corpus.parent / "new", str(corpus), **asked)
    assert sorted(corpus.parent.rglob("*")) == before


def test_a_store_may_lie_in_the_corpus_folder_but_not_be_it(corpus: Path) -> None:
    with pytest.raises(UsageError, match=r"lies in the store .*; give the store a folder of its own"):
        run_encode(corpus, str(corpus))
    for encoded in (40, 0):
        report = run_encode(corpus / "features", str(corpus))
        assert report.document["documents"]["encoded"] == encoded
        assert report.document["corpus"]["unread"] == []
