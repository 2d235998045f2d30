from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pcsv
import pytest

from encore.cli.console.logs import OneLineFormatter
from encore.cli.console.terminal import printable
from encore.cli.main import run
from encore.cli.printing.documents import prepare_out, print_documents, write_documents
from encore.cli.printing.tables import prepare_file, print_line, print_next, print_pairs, print_table, remark
from encore.featurestore import UsageError


def test_ids_with_markup_and_control_characters_print_literally(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("[b]title", ["[i]column"], [["[red]x[/red]"], ["new\nline"], ["\x1b[2Jwiped"], ["☃ snow"]])
    output = capsys.readouterr().out
    assert "\x1b" not in output
    for text in ("[b]title", "[i]column", "[red]x[/red]", r"new\nline", r"\x1b[2Jwiped", "☃ snow"):
        assert text in output


def test_a_title_wider_than_its_table_stays_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("a title that is wider than the table", ["n"], [[1]])
    assert "a title that is wider than the table" in capsys.readouterr().out


PATH = "/data/" + "a-long-name/" * 8 + "report.json"
SENTENCE = "every word of a sentence as long as this one stays whole, see " + PATH + " and what follows it"


def terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both streams are a terminal of so many columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)


@pytest.mark.parametrize(
    "show",
    [
        lambda: print_line(SENTENCE),
        lambda: remark(SENTENCE),
        lambda: print_pairs([("store", SENTENCE), ("a longer name", "short")]),
        lambda: run(["encode", "--no-such-option-is-known", SENTENCE]),
        lambda: run(["inspect", "--store", SENTENCE]),
        lambda: print(
            OneLineFormatter().format(logging.LogRecord("encore", logging.ERROR, "x.py", 1, SENTENCE, None, None))
        ),
    ],
    ids=["line", "remark", "pairs", "usage", "error", "log"],
)
@pytest.mark.parametrize("columns", [40, 80])
def test_a_terminal_breaks_no_word_that_it_could_have_kept_whole(
    columns: int, show: Callable[[], object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    show()
    shown = capsys.readouterr()
    (long, *_) = [line for line in (shown.out + shown.err).splitlines() if len(line) > 40]
    terminal(columns, monkeypatch)
    show()
    shown = capsys.readouterr()
    lines = (shown.out + shown.err).splitlines()
    assert len(lines) > 1
    assert " ".join(" ".join(lines).split()).startswith(" ".join(long.split()))
    assert all(len(line) <= columns or len(line.split()) == 1 for line in lines)


def test_a_file_takes_a_line_as_it_is_whatever_the_shell_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    remark(SENTENCE)
    assert capsys.readouterr().err == f"{SENTENCE}\n"


def test_a_value_goes_on_below_itself(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    terminal(40, monkeypatch)
    print_pairs([("store", "last, layer:k and mean:m alike; stack:24 keeps every layer"), ("n", 1)])
    assert capsys.readouterr().out.splitlines() == [
        "store  last, layer:k and mean:m alike;",
        "       stack:24 keeps every layer",
        "n      1",
    ]


def test_a_command_to_copy_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    terminal(40, monkeypatch)
    print_next([SENTENCE])
    assert f"  {SENTENCE}" in capsys.readouterr().out.splitlines()


def test_printable_keeps_what_it_is_told_to() -> None:
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@pytest.mark.parametrize("name", ["", "folder", "file/x.json"])
def test_a_file_that_cannot_be_written_is_refused_before_the_work(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").touch()
    with pytest.raises(UsageError, match=r"--report .* cannot be written"):
        prepare_file(name, "--report")


def test_prepare_file_makes_the_folder_and_not_the_file(tmp_path: Path) -> None:
    prepare_file(str(tmp_path / "new" / "report.json"), "--report")
    assert list((tmp_path / "new").iterdir()) == []
    prepare_file(None, "--report")


def test_an_ending_that_says_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.parquet or \.csv"):
        prepare_out(str(tmp_path / "x.txt"))


EXOTIC = pa.table(
    {
        "doc_id": ["a", "b"],
        "at": pa.array([1, None], pa.timestamp("ns", "Nowhere/Land")),
        "price": pa.array([Decimal("1.10"), None], pa.decimal256(60, 2)),
        "took": pa.array([1500, None], pa.duration("ms")),
        "half": pa.array([1.5, None], pa.float16()),
        "seen": [True, None],
    }
)


def test_every_type_has_a_place_in_csv_and_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    write_documents(EXOTIC, str(tmp_path / "x.csv"))
    assert (tmp_path / "x.csv").read_text().splitlines() == [
        '"doc_id","at","price","took","half","seen"',
        '"a","1970-01-01T00:00:00.000000001Z","1.10","PT1.5S",1.5,true',
        '"b",,,,,',
    ]
    print_documents(EXOTIC, 20)
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("│ a"))
    assert row.split()[1::2] == ["a", "1970-01-01T00:00:00.000000001Z", "1.10", "PT1.5S", "1.5", "True"]


def test_csv_takes_lists_as_json_and_bytes_as_hex_digits(tmp_path: Path) -> None:
    table = pa.table({"doc_id": ["a", "b"], "l": [[1.5, 2.0], None], "b": [b"\xff", None]})
    write_documents(table, str(tmp_path / "x.csv"))
    assert pcsv.read_csv(tmp_path / "x.csv").to_pylist() == [
        {"doc_id": "a", "l": "[1.5, 2]", "b": "ff"},
        {"doc_id": "b", "l": "", "b": ""},
    ]
