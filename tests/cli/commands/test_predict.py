"""``encore predict`` and the heads that strangers made."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from encore.cli.main import run
from encore.cli.text_arguments import files_and_texts
from encore.featurestore import Catalogue, UsageError
from encore.pipelines.predict_job import PredictRequest
from tests.pipelines.backfill.trained_heads import train
from tests.pipelines.jobs import run_encode, texts, write_corpus


@pytest.mark.parametrize(("words", "code"), [((), 2), (("--allow-download",), 0)])
def test_an_encoder_that_a_head_names_is_fetched_where_the_command_line_says_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
) -> None:
    corpus = write_corpus(tmp_path / "a.parquet", texts(40))
    run_encode(tmp_path / "store", corpus)
    head = train(Catalogue.open(str(tmp_path / "store")), tmp_path, "far")
    there = head.spec.encoder.source
    replace(head, spec=replace(head.spec, encoder=replace(head.spec.encoder, source="hf:someone/theirs"))).save(
        tmp_path / "far"
    )

    def snapshot_download(_: str, *, local_files_only: bool, **__: object) -> str:
        if local_files_only:
            raise LocalEntryNotFoundError("not here")
        return there

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    capsys.readouterr()
    assert run(["predict", corpus, "--head", str(tmp_path / "far"), "--device", "cpu", *words]) == code
    said = capsys.readouterr().err
    refusal = (
        "encore: encoder hf:someone/theirs: not on this machine, and only a file names it; --allow-download fetches it"
        " from the hub (in Python allow_download=True), or give the encoder's directory as encoder\n"
    )
    assert said == (refusal if code else "")


def test_every_probability_is_shown_beside_the_name_of_its_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    corpus = write_corpus(tmp_path / "a.parquet", texts(40))
    run_encode(tmp_path / "store", corpus)
    for task in ("one", "two"):
        train(Catalogue.open(str(tmp_path / "store")), tmp_path, task)
    few = write_corpus(tmp_path / "few.parquet", texts(2))
    words = ["predict", few, "--head", str(tmp_path / "one"), "--head", str(tmp_path / "two"), "--probabilities"]

    def outcome(*more: str) -> str:
        capsys.readouterr()
        assert run([*words, "--device", "cpu", *more]) == 0
        return capsys.readouterr().out

    rows = json.loads(outcome("--json"))["predictions"]
    assert [len(rows), *{tuple(row["probabilities"]) for row in rows}] == [4, ("even", "odd")]
    assert all(row["probabilities"][row["label"]] == row["score"] for row in rows)
    for name in ("out.parquet", "out.csv"):
        outcome("--out", str(tmp_path / name))
    stored = pq.read_table(tmp_path / "out.parquet").to_pylist(maps_as_pydicts="strict")
    assert stored == rows
    cells = [json.loads(cell) for cell in pcsv.read_csv(tmp_path / "out.csv")["probabilities"].to_pylist()]
    assert [list(cell) for cell in cells] == [["even", "odd"]] * 4
    assert cells[0] == pytest.approx(rows[0]["probabilities"])
    likeliest = max(rows[0]["probabilities"].items(), key=lambda it: it[1])
    assert f"{likeliest[0]} {likeliest[1]:.4f}, " in outcome()


def test_texts_and_lines_of_standard_input_get_the_answers_that_a_file_gets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = texts(40)
    corpus = write_corpus(tmp_path / "a.parquet", rows)
    run_encode(tmp_path / "store", corpus)
    for task in ("one", "other"):
        train(Catalogue.open(str(tmp_path / "store")), tmp_path, task)
    heads = ["--head", str(tmp_path / "one"), "--head", str(tmp_path / "other"), "--device", "cpu", "--json"]

    def answers(*words: str) -> list[tuple[object, ...]]:
        capsys.readouterr()
        assert run(["predict", *words, *heads]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["rejected"] == (1 if words == ("-",) else 0)
        return [(it["doc_id"], it["head"], it["label"], it["score"]) for it in found["predictions"]]

    wanted = {(doc_id, head): rest for doc_id, head, *rest in answers(corpus)}
    given = [rows[3]["text"], rows[7]["text"]]
    places = {"1": "d3", "2": "d7", "3": "d7"}
    by_words = answers(*given)
    assert [place for place, *_ in by_words] == ["1", "2", "1", "2"]
    assert all(wanted[places[place], head] == pytest.approx(rest) for place, head, *rest in by_words)

    # The second line is blank. The line end of the last line begins no other line.
    lines = io.TextIOWrapper(io.BytesIO(f"{given[0]}\r\n\n{given[1]}\n".encode()))
    monkeypatch.setattr(sys, "stdin", lines)
    by_lines = answers("-")
    assert [place for place, *_ in by_lines] == ["1", "3", "1", "3"]
    assert [rest for _, *rest in by_lines] == [rest for _, *rest in by_words]


@pytest.mark.parametrize(
    "word",
    [
        "articles.parquet",
        "my articles.csv.gz",
        "*.parquet",
        "my files/*.csv",
        "there are blanks",
        "a folder/without ending",
        "./misspelt",
        "s3://bucket/what is below",
        "hdfs://host/a b",
    ],
)
def test_what_may_be_the_name_of_a_file_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there are blanks").touch()
    Path("a folder").mkdir()
    assert files_and_texts([word], "utf-8") == ([word], [])


@pytest.mark.parametrize(
    "word",
    [
        "and/or a text",
        "/ is a slash",
        "What is this?",
        "a [bracket] and a *",
        "see https://example.org/page",
        "ratio 1:2",
        "files end in .parquet or so",
        "two\nlines",
        "word " * 2000,
        " ",
    ],
)
def test_what_can_be_no_name_is_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert files_and_texts([word], "utf-8") == ([], [word])


@pytest.mark.parametrize("word", ["artcles", "Great!", "Good.", "Really?", "12:30", "[sic]", ""])
def test_what_is_no_file_and_may_be_a_text_is_told_where_texts_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = f"{word!r}: no such file or folder; a text like it goes to the input of encore predict -"
    with pytest.raises(UsageError) as refused:
        files_and_texts(["a text", word], "utf-8")
    assert str(refused.value) == wanted


@pytest.mark.parametrize("word", ["data.csv", "in/2024", "*.parquet", "in/*", "s3://bucket/part"])
def test_who_lists_files_says_what_is_there_in_place_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert files_and_texts([word], "utf-8") == ([word], [])


@pytest.mark.parametrize(
    ("there", "word"),
    [*[(name, name) for name in ("Great!", "Good.", "12:30", "[sic]")], ("some folder/a part", "~/some*/a part")],
)
def test_a_file_of_any_name_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str, word: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    Path(there).mkdir(parents=True)
    assert files_and_texts([word], "utf-8") == ([word], [])


@pytest.mark.parametrize(
    ("data", "encoding", "lines"),
    [
        (b"\xef\xbb\xbfone\r\n\r\ntwo words", "utf-8", ["one", "", "two words"]),
        ("\ufeffcaf\u00e9\n\n".encode("utf-16-le"), "utf-16", ["caf\u00e9", ""]),
        (b"one\x0bword\xc2\x85and\xe2\x80\xa8another\n", "utf-8", ["one\x0bword\x85and\u2028another"]),
    ],
    ids=["a mark", "another encoding", "other ends of lines"],
)
def test_a_text_is_a_line_without_its_end(
    monkeypatch: pytest.MonkeyPatch, data: bytes, encoding: str, lines: list[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert files_and_texts(["-"], encoding) == ([], lines)


def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a text")))
    with pytest.raises(UsageError, match="- is given twice; standard input can be read once"):
        files_and_texts(["-", "another text", "-"], "utf-8")


def test_files_and_texts_at_once_are_refused() -> None:
    with pytest.raises(UsageError, match=r"predict: new.csv is a file and the rest are texts"):
        PredictRequest("new.csv", "trained/topic", texts="a text")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "standard input is empty"),
        (b"\xff\n", r"is not utf-8 text: .* at byte 0; name its encoding with --encoding"),
    ],
)
def test_standard_input_that_is_no_text_is_refused(monkeypatch: pytest.MonkeyPatch, data: bytes, message: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with pytest.raises(UsageError, match=message):
        files_and_texts(["-"], "utf-8")
