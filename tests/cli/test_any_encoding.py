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

from cli.main import run, take_every_character
from cli.output import console, error_console, print_json, print_pairs, print_table
from tests.pipelines.jobs import encoder

TEXT = "é × 10⁹ … ☃ \udcff"


ENCODINGS = ["ascii", "latin-1", "cp1252", "utf-8"]


def written_in(encoding: str, monkeypatch: pytest.MonkeyPatch) -> list[TextIOWrapper]:
    """Standard output and error from here on."""
    found = [TextIOWrapper(BytesIO(), encoding, write_through=True) for _ in range(2)]
    for name, stream in zip(("stdout", "stderr"), found, strict=True):
        monkeypatch.setattr(sys, name, stream)
    take_every_character()
    return found


def bytes_of(stream: TextIOWrapper) -> bytes:
    assert isinstance(stream.buffer, BytesIO)
    return stream.buffer.getvalue()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_tables_lines_json_and_progress_take_every_character(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    streams = written_in(encoding, monkeypatch)
    print_table(TEXT, [TEXT], [[TEXT]])
    print_table(TEXT, [TEXT], [[TEXT]], many_columns=True)
    print_pairs([("é", TEXT)])
    print_json({"é": TEXT})
    console().print(TEXT, markup=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=error_console()) as bar:
        bar.add_task(TEXT, total=1)
    for stream in streams:
        assert TEXT.encode(encoding, "backslashreplace") in bytes_of(stream)


@pytest.mark.parametrize("encoding", ENCODINGS[:2])
def test_the_jobs_take_every_character(encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, error = written_in(encoding, monkeypatch)
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
    code = "import sys; sys.argv[0] = 'encore'; from cli.main import main; main()"
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
