from __future__ import annotations

import json
from pathlib import Path

import pytest

from encore.cli.main import run
from tests.experiments.tiny_tasks import write_registry
from tests.pipelines.jobs import encoder

SMALL = ("--seeds", "1", "--device", "cpu", "--max-length", "16")


@pytest.mark.parametrize(
    "words",
    [
        ("frozen", "--epochs", "1"),
        ("loo", "--epochs", "1", "--steps", "2", "--quantizers", "sign", "--only", "tone"),
        ("group-out", "--epochs", "1", "--steps", "2", "--groups", "PP"),
        ("all-tasks", "--steps", "2"),
        ("finetune", "--epochs", "1", "--starts", "plain"),
        ("quantization", "--epochs", "1", "--quantizers", "sign/2q", "--placements", "after"),
    ],
    ids=lambda words: words[0],
)
def test_an_experiment_prints_its_rows_and_writes_its_tables(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = str(write_registry(tmp_path))
    command = [
        "experiment",
        words[0],
        tasks,
        "--out",
        str(tmp_path / "out"),
        "--encoder",
        encoder(),
        *SMALL,
        *words[1:],
    ]
    assert run([*command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(0 <= row["average"] <= 1 and row["seeds"] == [0] for row in rows.values())
    assert (tmp_path / "out" / f"{words[0]}.parquet").is_file()
    assert run(command) == 0
    printed = capsys.readouterr()
    assert "accuracy in %" in printed.out
    assert f"{words[0]}.md" in "".join(printed.out.split())
    # The second run measured nothing again.
    assert "seed 0" not in printed.err


def test_options_reach_the_experiment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = str(write_registry(tmp_path))
    out = ["--out", str(tmp_path / "out"), "--encoder", encoder()]
    for words, message in (
        (["frozen", tasks, *out, "--only", "nothing"], "no task nothing"),
        (["frozen", tasks, *out, "--mean-layers", "4"], "the encoder has 3 layers"),
        (["frozen", tasks, *out, "--max-length", "65"], "at most 64 tokens"),
        (["frozen", tasks, *out, "--train-rows", "0"], "train rows 0"),
        (["frozen", tasks, *out, "--dtype", "no-such-dtype"], "no-such-dtype"),
        (["group-out", tasks, *out, "--groups", "XX"], "no group XX"),
        (["loo", tasks, *out, "--quantizers", "none"], "quantizer 'none'"),
        (["loo", tasks, *out, "--steps", "0"], "steps 0"),
        (["finetune", tasks, *out, "--starts", "x"], "start x"),
        (["quantization", tasks, *out, "--placements", "x"], "placement x"),
        (["frozen", "nowhere.toml", *out], "no such file"),
        (["frozen", tasks, *out, "--data", "/nowhere"], "no such file or directory"),
    ):
        assert run(["experiment", *words]) == 2, words
        assert message in " ".join(capsys.readouterr().err.split()), words
    assert not (tmp_path / "out" / "cells").exists()


def test_an_experiment_takes_no_options_of_beam(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["experiment", "frozen", str(write_registry(tmp_path)), "--out", str(tmp_path / "out")]
    assert run(words, ("--runner=X",)) == 2
    assert "runs no Beam job" in capsys.readouterr().err
