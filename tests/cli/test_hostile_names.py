"""Names that would be orders to a terminal are shown as what they are, wherever they come from."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.progress import Progress, TextColumn

from encore.cli.console.logs import OneLineFormatter, TracebackFormatter
from encore.cli.console.terminal import SafeConsole, console, error_console
from encore.cli.main import run
from encore.cli.printing.store.verify import print_verification
from encore.cli.printing.tables import print_line, print_pairs, print_table
from encore.featurestore.verification.findings import Finding
from encore.featurestore.verification.store import Verification
from tests.pipelines.jobs import encoder, texts

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202e\u2066\u2028\u200b\x85\r\b"
"""Characters that set title and colour of a terminal, erase, turn the direction of writing, or break lines."""
NAME = HOSTILE + "\n\ttab"
"""The same, and the line breaks and tabs that a cell of a table may hold."""


def assert_harmless(shown: str) -> None:
    assert {character for character in shown if not character.isprintable()} <= {"\n"}, repr(shown)


def assert_shown(shown: str) -> None:
    assert_harmless(shown)
    assert r"\x1b]0;owned" in shown


@pytest.mark.parametrize(
    "show",
    [
        lambda: print_pairs([(NAME, NAME)]),
        lambda: print_line(NAME),
        lambda: print_table(NAME, [NAME], [[NAME]]),
        lambda: print_table(NAME, [NAME, NAME], [[NAME, NAME]], many_columns=True),
        lambda: console().print(HOSTILE, markup=False),
        lambda: error_console().print(HOSTILE, markup=False, soft_wrap=True),
    ],
    ids=["pairs", "line", "table", "wide table", "console", "error console"],
)
def test_whatever_is_printed_is_made_printable(show, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    show()
    shown = capsys.readouterr()
    assert_shown(shown.out + shown.err)


def test_a_bar_draws_with_its_own_control_codes_alone(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = SafeConsole(force_terminal=True, color_system=None, width=400)
    with Progress(TextColumn("{task.description}", markup=False), console=terminal) as bar:
        bar.add_task(HOSTILE)
    shown = capsys.readouterr().out
    assert r"\x1b]0;owned" in shown
    assert "\x1b[2J" not in shown
    assert not {"\x9b", "\u202e", "\x07", "\x7f"} & set(shown)


def test_a_log_line_is_one_harmless_line_and_a_traceback_harmless_lines() -> None:
    record = logging.LogRecord("beam", logging.ERROR, "x.py", 1, HOSTILE, None, None)
    record.exc_info = (OSError, OSError(HOSTILE), None)
    assert_shown(OneLineFormatter().format(record))
    assert_shown(TracebackFormatter("%(message)s").format(record))


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "words",
    [
        ["inspect", "--store", NAME],
        ["inspect", "--store", f"ftp://{NAME}"],
        ["inspect", NAME],
        [NAME],
        ["inspect", f"--{NAME}"],
        ["evaluate", "--resamples", NAME],
        ["encode", NAME, "--store", "s"],
        ["encode", "a.parquet", "--store", "s", "--encoder", NAME],
        ["encode", "a.parquet", "--store", "s", "--quantizer", NAME],
        ["encode", "a.parquet", "--store", "s", "--id-column", NAME],
        ["encode", "a.parquet", "--store", "s", "--report", f"{NAME}/"],
        ["train", "a.parquet", "--store", "s", "--out", "o", "--task", NAME],
        ["tag", NAME, "--store", "s"],
        ["tradeoff", "--store", "s", "--labels", NAME],
        ["cost", "--encoder", NAME],
    ],
    ids=lambda words: " ".join(words).replace(NAME, "NAME") if isinstance(words, list) else None,
)
def test_errors_repeat_words_harmlessly(
    words: list[str], debug: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.Table.from_pylist(texts(2)), "a.parquet")
    assert run(words, debug=debug) == 2
    shown = capsys.readouterr()
    assert_harmless(shown.out + shown.err)


def test_errors_of_libraries_are_harmless(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for error in (OSError(HOSTILE), ValueError(HOSTILE)):
        monkeypatch.setattr("encore.featurestore.Catalogue.open", lambda *_, error=error: (_ for _ in ()).throw(error))
        assert run(["tag", "x", "--store", "s"]) == 1
        assert_shown(capsys.readouterr().err)


def test_findings_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    print_verification(Verification("s", True, (1,), 1, 1, 1, 1, 0, (Finding(NAME, NAME, NAME),)), as_json=False)
    assert_shown(capsys.readouterr().out)


def test_a_loop_over_hostile_names_shows_them_harmlessly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    folder = tmp_path / f"f{NAME}"
    shutil.copytree(encoder(), folder / f"encoder{NAME}")
    ids, classes = [f"d{i}{NAME}" for i in range(20)], [f"even{NAME}", f"odd{NAME}"]
    rows = [{"doc_id": id_, "text": row["text"]} for id_, row in zip(ids, texts(20), strict=True)]
    pq.write_table(pa.Table.from_pylist([*rows, {"doc_id": f"blank{NAME}", "text": " "}]), folder / f"a{NAME}.parquet")
    pq.write_table(pa.table({"doc_id": ids, "label": classes * 10}), folder / f"l{NAME}.parquet")
    (folder / f"other{NAME}.zip").write_bytes(b"PK")
    store, head, out = (str(folder / f"{name}{NAME}") for name in ("store", "head", "predictions"))
    corpus, labels = str(folder / f"a{NAME}.parquet"), str(folder / f"l{NAME}.parquet")
    fewer = str(folder / f"fewer{NAME}.parquet")
    pq.write_table(pa.Table.from_pylist(rows[:10]), fewer)
    encode = ["--store", store, "--encoder", str(folder / f"encoder{NAME}"), "--device", "cpu"]
    commands = [
        ["encode", corpus, *encode],
        ["inspect", "--store", store],
        ["documents", "--store", store],
        ["documents", "--store", store, "--out", str(folder / f"documents{NAME}.csv")],
        ["train", labels, "--store", store, "--out", head, "--epochs", "1", "--task", "parity"],
        ["backfill", "--store", store, "--head", head, "--out", out],
        ["evaluate", out, labels],
        ["predict", corpus, "--head", head, "--device", "cpu"],
        ["delete", "--store", store, ids[0], f"unknown{NAME}"],
        ["snapshots", "--store", store],
        ["runs", "--store", store],
        ["compact", "--store", store],
        ["vacuum", "--store", store, "--dry-run"],
        ["verify", "--store", store],
        ["encode", fewer, *encode, "--prune", "--max-pruned", "20"],
    ]
    capsys.readouterr()
    for words in commands:
        assert run(words) == 0, words[0]
        shown = capsys.readouterr()
        assert_harmless(shown.out + shown.err)
