"""`encore experiment wsd` prints a table or JSON, and refuses what cannot be done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from encore.cli.commands.experiments.wsd import wsd
from encore.cli.options.beam import BeamOptions
from encore.featurestore import UsageError
from tests.experiments.word_sense.building import made_up, write
from tests.pipelines.jobs import encoder


def run(words: list[str]) -> None:
    """The command, as a group of commands has it."""
    app = typer.Typer()
    app.callback()(lambda: None)
    app.command("wsd")(wsd)
    app(args=["wsd", *words], obj=BeamOptions(()), standalone_mode=False)


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    train, test = (write(tmp_path / f"{i}.parquet", rows) for i, rows in enumerate(made_up()))
    out = str(tmp_path / "out")
    return [train, test, "--out", out, "--encoder", encoder(), "--device", "cpu"]


def test_the_table_and_the_json_say_the_same(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run([*words, "--layer", "1", "--quantizer", "int2"])
    printed = capsys.readouterr()
    run([*words, "--layer", "1", "--quantizer", "int2", "--json"])
    document = json.loads(capsys.readouterr().out)
    lines = [line for line in document["lines"] if line["part"] == "all"]
    assert [line["features"] for line in lines] == [
        "most frequent sense",
        "float16",
        "uint8:per-tensor:min-max",
        "sign",
        "int2",
    ]
    for line in lines:
        assert f"{100 * line['on_covered']:.1f}" in printed.out
    assert "encoding" in printed.err
    assert (tmp_path / "out" / "wsd.md").exists()
    assert document["parquet"] == str(tmp_path / "out" / "wsd.parquet")


def test_an_impossible_layer_is_wrong_usage(words: list[str]) -> None:
    with pytest.raises(UsageError, match="the encoder has 3 layers; ask for 1 to 3"):
        run([*words, "--layer", "9"])
