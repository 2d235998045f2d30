"""Commands whose standard streams are closed, broken or full: the work is done, and says how it went."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from encore.cli.console.streams import flush_streams, guarded
from encore.cli.main import run
from encore.cli.printing.tables import print_json, print_table
from encore.featurestore import Catalogue
from tests.pipelines.jobs import encoder, texts, write_corpus

ROOT = Path(__file__).parents[3]


def encode_words(folder: Path, *more: str) -> list[str]:
    corpus = write_corpus(folder / "a.parquet", texts(6))
    store = str(folder / "store")
    return ["encode", corpus, "--store", store, "--encoder", encoder(), "--device", "cpu", "--max-length", "16", *more]


def broken() -> TextIOWrapper:
    """A stream to a reader that has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    return guarded(TextIOWrapper(BytesIO()), writing)


def full() -> TextIOWrapper:
    return guarded(TextIOWrapper(BytesIO()), os.open("/dev/full", os.O_WRONLY))


@pytest.fixture(autouse=True)
def signals() -> None:
    # Python sets SIGPIPE so for a program. The process that runs the tests may have started with another setting.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def test_what_nobody_reads_any_more_is_discarded_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", broken())
    monkeypatch.setattr(sys, "stderr", broken())
    for _ in range(3):
        print_json({"x": "y" * 100_000})
        print_table("title", ["column"], [["cell"]] * 100)
        assert flush_streams() is None
    sys.stdout.close()


def test_what_a_full_disk_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", full())
    print_json({"x": "y" * 100_000})
    refused = flush_streams()
    assert refused is not None
    assert refused.strerror == "No space left on device"


@pytest.mark.parametrize(("limit", "code"), [([], 0), (["--max-dead-letters", "0"], 1)])
def test_a_job_whose_reader_has_gone_ends_as_it_would_have(
    limit: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = encode_words(tmp_path, *limit, "--report", str(tmp_path / "report.json"))
    write_corpus(tmp_path / "a.parquet", [*texts(6), {"doc_id": "blank", "text": " "}])
    monkeypatch.setattr(sys, "stdout", broken())
    monkeypatch.setattr(sys, "stderr", broken())
    assert run(words) == code
    assert len(Catalogue.open(str(tmp_path / "store"))) == (6 if code == 0 else 0)


def command(script: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    """The command, as a shell script runs ``"$@"``."""
    start = [
        sys.executable,
        "-c",
        "import sys; sys.argv[0] = 'encore'; from encore.cli.main import main; main()",
        *words,
    ]
    return subprocess.run(["sh", "-c", script, "sh", *start], cwd=ROOT, capture_output=True, check=False)


def test_a_job_whose_streams_are_closed_commits(tmp_path: Path) -> None:
    done = command('"$@" <&- >&- 2>&-', *encode_words(tmp_path))
    assert done.returncode == 0
    assert (done.stdout, done.stderr) == (b"", b"")
    assert len(Catalogue.open(str(tmp_path / "store"))) == 6


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("words", "code"), [(["--help"], 0), (["inspect", "--nonsense"], 2)], ids=["help", "usage"])
def test_closed_streams_leave_the_exit_code_and_no_traceback(closed: str, words: list[str], code: int) -> None:
    done = command(f'"$@" {closed}', *words)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr + done.stdout
    assert b"Exception" not in done.stderr + done.stdout
    assert bool(done.stderr) == (code == 2 and "2>&-" not in closed)


def test_standard_input_that_is_closed_is_empty() -> None:
    done = command('"$@" <&-', "predict", "-", "--head", "nowhere")
    assert done.returncode == 2
    assert done.stderr.endswith(b" encore: standard input is empty; write one text a line to it\n")


def test_a_pipe_that_is_closed_early_is_no_failure() -> None:
    done = command('{ "$@"; echo "code $?" >&2; } | true', "--help")
    assert done.stderr == b"code 0\n"


def test_a_full_disk_behind_standard_output_is_a_failure_that_says_so() -> None:
    done = command('"$@" > /dev/full', "--help")
    assert done.returncode == 1
    assert b" encore: standard output: No space left on device" in done.stderr
    assert command('"$@" > /dev/full 2> /dev/full', "--help").returncode == 1


def test_no_file_of_the_work_takes_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    code = (
        "import os; from encore.cli.console.streams import guard_streams; guard_streams(); "
        f"file = os.open({str(tmp_path / 'object')!r}, os.O_WRONLY | os.O_CREAT); "
        "print('a figure', flush=True); os.write(1, b'a print of a library'); os._exit(0 if file > 2 else 1)"
    )
    start = ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", sys.executable, "-c", code]
    assert subprocess.run(start, cwd=ROOT, check=False).returncode == 0
    assert (tmp_path / "object").read_bytes() == b""
