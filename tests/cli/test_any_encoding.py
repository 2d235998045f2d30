"""Output that takes any text, whatever the terminal's encoding."""

from __future__ import annotations

import os
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from encore.cli.console.streams import guarded
from encore.cli.console.terminal import console, error_console, printable
from encore.cli.main import run
from encore.cli.printing.tables import print_json, print_pairs, print_table
from tests.pipelines.jobs import encoder

TEXT = "é × 10⁹ … ☃ \udcff"


ENCODINGS = ["ascii", "latin-1", "cp1252", "utf-8"]


def written_in(encoding: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[TextIOWrapper]:
    """Standard output and error from here on, as the command sets them up."""
    found = []
    for name in ("stdout", "stderr"):
        file = os.open(folder / name, os.O_RDWR | os.O_CREAT)
        found.append(guarded(TextIOWrapper(BytesIO(), encoding), file))
        monkeypatch.setattr(sys, name, found[-1])
    return found


def bytes_of(stream: TextIOWrapper) -> bytes:
    stream.flush()
    return os.pread(stream.fileno(), 1 << 20, 0)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_tables_lines_json_and_progress_take_every_character(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = written_in(encoding, tmp_path, monkeypatch)
    print_table(TEXT, [TEXT], [[TEXT]])
    print_table(TEXT, [TEXT], [[TEXT]], many_columns=True)
    print_pairs([("é", TEXT)])
    print_json({"é": TEXT})
    console().print(TEXT, markup=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=error_console()) as bar:
        bar.add_task(printable(TEXT), total=1)
    for stream in streams:
        assert TEXT.encode(encoding, "backslashreplace") in bytes_of(stream)


@pytest.mark.parametrize("encoding", ENCODINGS[:2])
def test_the_jobs_take_every_character(encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, error = written_in(encoding, tmp_path, monkeypatch)
    rows = [{"doc_id": f"☃{i}", "text": f"news {i}"} for i in range(4)] + [{"doc_id": "é", "text": " "}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "☃.parquet")
    words = ["--store", str(tmp_path / "☃")]
    assert run(["encode", str(tmp_path / "☃.parquet"), *words, "--encoder", encoder(), "--device", "cpu"]) == 0
    assert run(["documents", *words]) == 0
    assert run(["inspect", "--store", str(tmp_path / "none☃")]) == 2
    assert "☃0".encode(encoding, "backslashreplace") in bytes_of(out)
    assert "none☃: no such".encode(encoding, "backslashreplace") in bytes_of(error)


@pytest.mark.parametrize("words", [["cost", "--help"], ["☃"]], ids=["help", "no such command"])
def test_the_command_itself_sets_its_streams_up(words: list[str]) -> None:
    code = "import sys; sys.argv[0] = 'encore'; from encore.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == (2 if words == ["☃"] else 0)
    assert b"UnicodeEncodeError" not in done.stderr
    assert rb"\u2603" in done.stderr if words == ["☃"] else b"encore cost --encoder" in done.stdout
