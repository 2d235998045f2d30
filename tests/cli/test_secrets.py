"""No command repeats a secret that stands in an address, nor a text that stands in a table."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.cli.main import run
from tests.pipelines.jobs import encoder, texts

URLS = ("s3://KEY:TOP/SECRET@bucket/x", "az://container/x?sv=1&sig=TOPSECRET", "ftp://user:TOPSECRET@host/x")

COMMANDS = [
    ["encode", "URL", "--store", "s"],
    ["encode", "a.parquet", "--store", "URL"],
    ["encode", "a.parquet", "--store", "s", "--report", "URL"],
    ["encode", "a.parquet", "--store", "s", "--metrics", "URL"],
    ["encode", "a.parquet", "--store", "s", "--dead-letters", "URL"],
    ["encode", "a.parquet", "--store", "s", "--encoder", "URL"],
    ["encode", "a.parquet", "--store", "s", "--encoder", "hf:URL"],
    ["encode", "a.parquet", "--store", "s", "--encoder", "package:URL"],
    ["encode", "a.parquet", "--store", "s", "--like", "URL"],
    ["derive", "--from", "URL", "--store", "s"],
    ["derive", "--from", "s", "--store", "URL"],
    ["train", "URL", "--store", "s", "--out", "o"],
    ["train", "l.parquet", "--store", "s", "--out", "URL"],
    ["train", "l.parquet", "--store", "s", "--out", "o", "--dev", "URL"],
    ["backfill", "--store", "s", "--head", "URL", "--out", "o"],
    ["backfill", "--store", "s", "--head", "h", "--out", "URL"],
    ["backfill", "--store", "s", "--head", "h", "--out", "o", "--report", "URL"],
    ["predict", "URL", "--head", "h"],
    ["predict", "a.parquet", "--head", "URL"],
    ["predict", "a.parquet", "--head", "h", "--out", "URL.csv"],
    ["evaluate", "URL", "l.parquet"],
    ["evaluate", "a.parquet", "URL"],
    ["inspect", "--store", "URL"],
    ["inspect", "URL"],
    ["inspect", "--store=s", "--snapshot=URL"],
    ["documents", "--store", "s", "--out", "URL.csv"],
    ["snapshots", "--store", "URL"],
    ["runs", "--store", "URL"],
    ["tag", "t", "--store", "URL"],
    ["delete", "--store", "URL", "d0"],
    ["delete", "--store", "s", "--ids", "URL"],
    ["verify", "--store", "URL"],
    ["compact", "--store", "URL"],
    ["vacuum", "--store", "URL"],
    ["vacuum", "--store", "s", "--forget", "--predictions", "URL"],
    ["cost", "--encoder", "URL"],
    ["cost", "--plot", "URL.png"],
    ["demo", "--out", "URL"],
    ["tradeoff", "--store", "URL", "--labels", "t=l.parquet", "--out", "o"],
    ["tradeoff", "--store", "s", "--labels", "t=URL.csv", "--out", "o"],
    ["tradeoff", "--store", "s", "--labels", "t=l.parquet:URL.csv", "--out", "o"],
    ["tradeoff", "--store", "s", "--labels", "URL", "--out", "o"],
    ["multitask", "URL", "--out", "o"],
    ["experiment", "frozen", "URL", "--out", "o"],
    ["experiment", "frozen", "paper", "--data", "URL", "--out", "o"],
    ["experiment", "wsd", "URL", "URL", "--out", "o"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_repeats_a_secret_in_an_address(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pq.write_table(pa.Table.from_pylist(texts(2)), "a.parquet")
    pq.write_table(pa.table({"doc_id": ["d0", "d1"], "label": ["a", "b"]}), "l.parquet")
    for url in URLS:
        for debug in (False, True):
            assert run([word.replace("URL", url) for word in words], debug=debug) == 2
            shown = capfd.readouterr()
            assert "SECRET" not in shown.out + shown.err, shown.err
    left = [
        path
        for path in tmp_path.rglob("*")
        if "SECRET" in str(path) or (path.is_file() and b"SECRET" in path.read_bytes())
    ]
    assert left == []


def test_an_endpoint_with_credentials_is_asked_for_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:TOPSECRET@127.0.0.1:9")
    assert run(["inspect", "--store", "s3://bucket/x"], debug=True) == 2
    shown = capfd.readouterr()
    assert "encore: AWS_ENDPOINT_URL: has credentials in it" in shown.err
    assert "TOPSECRET" not in shown.err


def test_an_option_of_beams_is_repeated_without_its_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.Table.from_pylist(texts(2)), "a.parquet")
    words = ["encode", "a.parquet", "--store", "s", "--encoder", encoder(), "--device", "cpu"]
    assert run(words, ("--direct_num_workers=ftp://user:TOPSECRET@host",), debug=True) == 2
    shown = capfd.readouterr()
    assert "Beam options, which follow --" in shown.err
    assert "TOPSECRET" not in shown.err


TEXT = "the words of patient zebra in full"

FILES = {
    "no-header.csv": f'd1,"{TEXT}"\nd2,"{TEXT} too"\n',
    "one-column.csv": f"{TEXT}\n{TEXT}\n",
    "semicolons.csv": f"d1;{TEXT};x\n",
    "tabs.csv": f"d1\t{TEXT}\n",
    "cells.csv": f"doc_id,label,text\nd1,{TEXT},x,y,{TEXT}\n",
    "quotes.csv": f'doc_id,label,text\nd1,"{TEXT}"x"{TEXT}",y\n',
    "open.csv": f'doc_id,label,text\nd1,"{TEXT}\n',
    "lines.csv": f"doc_id,label,text\rd1,a,{TEXT}\r",
    "bare.jsonl": f'"{TEXT}"\n',
    "list.jsonl": f'["{TEXT}"]\n',
    "cut.jsonl": f'{{"doc_id":"d1","label":"a","text":"{TEXT}\n',
    "second.jsonl": f'{{"doc_id":"d1","label":"a","text":"x"}}\n{{"doc_id": {TEXT}\n',
    "types.jsonl": f'{{"doc_id":{{"x":"{TEXT}"}},"label":["{TEXT}"],"text":{{"a":"{TEXT}"}}}}\n',
    "key.jsonl": f'{{"{TEXT}": 1}}\n',
    "array.json": f'[{{"doc_id":"d1","label":"a","text":"{TEXT}"}}, {TEXT}',
    "open.json": f'[{{"doc_id":"d1","label":"a","text":"{TEXT}"',
    "text.parquet": TEXT,
    "text.arrow": TEXT,
    "text.csv.gz": TEXT,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("stored")
    pq.write_table(pa.Table.from_pylist(texts(4)), folder / "a.parquet")
    words = ["encode", str(folder / "a.parquet"), "--store", str(folder / "s"), "--encoder", encoder()]
    assert run([*words, "--device", "cpu"]) == 0
    return str(folder / "s")


@pytest.mark.parametrize("name", FILES)
def test_no_command_repeats_the_text_of_a_row(
    name: str, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(FILES[name])
    encode = ["--store", "s", "--encoder", encoder(), "--device", "cpu", "--report", "report.json"]
    for words in (
        ["encode", name, *encode, "--dead-letters", "dead"],
        ["train", name, "--store", store, "--out", "h"],
        ["train", name, "--store", store, "--out", "h", "--label-column", "text"],
        ["evaluate", name, name],
        ["tradeoff", "--store", store, "--labels", f"t={name}", "--out", "o"],
    ):
        run(words)
        shown = capfd.readouterr()
        assert "zebra" not in shown.out + shown.err, shown.err
    left = [path for path in tmp_path.rglob("*") if path.is_file() and b"zebra" in path.read_bytes()]
    assert left == [tmp_path / name]


@pytest.mark.parametrize("labels", [[TEXT] * 4, [TEXT, f"{TEXT} too"] * 2], ids=["one class", "two labels"])
def test_a_column_of_texts_named_for_the_labels_is_not_repeated(
    labels: list[str], store: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ids = ["d0", "d0", "d1", "d2"] if labels[0] != labels[1] else ["d0", "d1", "d2", "d3"]
    pq.write_table(pa.table({"doc_id": ids, "label": labels}), tmp_path / "l.parquet")
    assert run(["train", str(tmp_path / "l.parquet"), "--store", store, "--out", str(tmp_path / "h")]) == 1
    shown = capfd.readouterr().err
    assert "zebra" not in shown
    assert "(34 characters)" in shown


def test_short_names_of_columns_are_still_listed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("Review ID,Review Text,Star Rating\n1,x,5\n")
    assert run(["encode", str(tmp_path / "a.csv"), "--store", str(tmp_path / "s")]) == 2
    assert "columns there: Review ID, Review Text, Star Rating" in capfd.readouterr().err
