"""A night without a terminal: what its log holds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.cli.console.streams import DatedLines
from encore.pipelines.corpus import CorpusColumns
from tests.forks import CommandForks
from tests.pipelines.jobs import encoder, run_encode, texts, write_corpus

ROOT = Path(__file__).parents[2]
DATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d +[^ ]")
LONG = "a-name-that-is-longer-than-what-is-left-of-a-line-of-eighty-columns"


def at_night(log: Path, *words: str) -> int | None:
    """Run a command as cron does: hardly an environment, no terminal, a session of its own, one log for all."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(log.parent), "HF_HUB_OFFLINE": "1"}
    job = CommandForks(log).start(*words, cwd=log.parent, environment=environment)
    return job.wait().code


def lines_of(log: Path) -> list[str]:
    """Lines of a log. Fails if they hold control characters for a terminal."""
    text = log.read_text()
    assert all(character.isprintable() or character == "\n" for character in text), repr(text)
    return text.splitlines()


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus that was encoded into a store, and the log of it."""
    folder = tmp_path_factory.mktemp(LONG)
    rows = [*texts(60), {"doc_id": "blank", "text": " "}]
    corpus = write_corpus(folder / "corpus.parquet", rows)
    assert at_night(folder / "log", "encode", corpus, "--store", str(folder / "store"), "--encoder", encoder()) == 0
    return folder


def test_the_log_of_encode_has_dated_lines_and_ends_with_the_summary(night: Path) -> None:
    lines = lines_of(night / "log")
    dated = [line for line in lines if DATED.match(line)]
    assert lines[: len(dated)] == dated
    assert dated[0].endswith("encode: 61 documents in 1 work unit")
    assert sum("61 of 61 documents" in line for line in dated) == 1
    summary = lines[len(dated) :]
    assert summary[0] == f"store         {night}/store at snapshot 1"
    assert summary[-1].startswith(f"report        {night}/store/runs/")
    assert summary[-1].endswith("/report.json")


def test_what_goes_wrong_is_dated_too(night: Path) -> None:
    log = night / "wrong"
    words = ("encode", "corpus.parquet", "--store", "store", "--encoder", encoder(), "--quantizer", "float16")
    assert at_night(log, *words) == 2
    assert at_night(log, "verify", "--store", "nowhere") == 2
    lines = lines_of(log)
    assert [line for line in lines if not DATED.match(line)] == []
    assert sum(" encore: " in line for line in lines) == 2


def test_tables_are_not_folded_in_a_file(night: Path) -> None:
    table = pa.table({"doc_id": [LONG * 2], "text": ["news"], "kept": [f"{LONG} {LONG}"]})
    pq.write_table(table, night / "long.parquet")
    run_encode(night / "kept", str(night / "long.parquet"), columns=CorpusColumns(keep=("kept",)))
    log = night / "documents"
    assert at_night(log, "documents", "--store", "kept") == 0
    lines = lines_of(log)
    assert lines[0] == "1 of 1 document"
    assert any(LONG * 2 in line and f"{LONG} {LONG}" in line for line in lines)


def test_documents_are_listed_as_json(night: Path) -> None:
    log = night / "json"
    assert at_night(log, "documents", "--store", "store", "--json", "--limit", "2") == 0
    found = json.loads(log.read_text())
    assert (found["snapshot"], found["documents"], len(found["listed"])) == (1, 60, 2)
    assert {"doc_id": "d0", "n_tokens": found["listed"][0]["n_tokens"], "truncated": False}.items() <= found["listed"][
        0
    ].items()


def test_each_line_has_its_date_however_it_is_written(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        log = DatedLines(file, encoding="utf-8", line_buffering=True)
        for part in ("one", " line", "\n", "", "two\n\nthree\n", "fo", "ur\nfive"):
            assert log.write(part) == len(part)
        log.flush()
        found = (tmp_path / "log").read_text().split("\n")
    assert [line.partition(" ")[2] for line in found] == ["one line", "two", "", "three", "four", "five"]
    stamps = [datetime.fromisoformat(line.split(" ")[0]) for line in found if line]
    assert all(stamp.tzinfo is not None for stamp in stamps)


def test_warnings_of_libraries_are_one_dated_line_each(tmp_path: Path) -> None:
    code = (
        "import logging, warnings; from encore.cli.console.logs import set_up_logging; "
        "from encore.cli.console.streams import guard_streams;"
        "guard_streams(); set_up_logging(debug=False); warnings.warn('mind\\nthe gap');"
        "logging.getLogger('apache_beam').warning('two\\nlines')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ | {"TERM": "dumb"},
    )
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(DATED.match(line) for line in lines)
    assert lines[0].endswith("UserWarning: mind")
    assert lines[1].endswith("WARNING apache_beam: two")
