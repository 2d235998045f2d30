from __future__ import annotations

import json
from pathlib import Path

import pytest

from encore.cli.main import run
from encore.encoders.training import TrainingSettings
from encore.experiments.training.multitask import CHECKPOINT_STEPS
from tests.experiments.tiny_tasks import write_registry
from tests.pipelines.jobs import encoder

FAST = ("--steps", "4", "--samples", "2", "--device", "cpu")


def words(folder: Path, *more: str) -> list[str]:
    tasks = str(write_registry(folder))
    return ["multitask", tasks, "--out", str(folder / "joint"), "--encoder", encoder(), *FAST, *more]


def test_the_help_has_an_example(capsys: pytest.CaptureFixture[str]):
    assert run(["multitask", "--help"]) == 0
    assert "Example: encore multitask" in " ".join(capsys.readouterr().out.split())


def test_an_encoder_is_trained_and_its_heads_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(words(tmp_path)) == 0
    captured = capsys.readouterr()
    assert "tone" in captured.out
    assert f"--encoder {tmp_path}/joint" in captured.out
    assert "the last layer's first position (cls)" in captured.out
    assert "multitask: 4 of 4 steps" in captured.err
    assert sorted(path.name for path in (tmp_path / "joint" / "heads").iterdir()) == ["same", "tone"]


def test_json_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(words(tmp_path, "--without", "same", "--train-rows", "12", "--json")) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["encoder"] == str(tmp_path / "joint")
    assert list(document["evaluations"]) == ["tone"]
    assert document["tasks"]["tone"]["train_documents"] == 12
    assert document["settings"]["samples"] == 2


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--without", "sst9"), "no task sst9"),
        (("--without", "tone,same"), "no task is left"),
        (("--precision", "no-such-number"), "precision 'no-such-number'"),
        (("--pooling", "attention"), "pooling 'attention': expected cls or mean"),
        (("--temperature", "-1"), "temperature -1.0"),
        (("--max-length", "900"), "max length 900"),
        (("--train-rows", "1"), "every training document is"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], message: str
):
    assert run(words(tmp_path, *more)) in (1, 2)
    captured = capsys.readouterr()
    assert message in captured.err
    assert "4 steps" not in captured.err
    assert not (tmp_path / "joint").exists()


def test_a_second_call_does_not_write_over_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(words(tmp_path)) == 0
    assert run(words(tmp_path)) == 2
    assert "is there already" in capsys.readouterr().err


def test_defaults_are_those_of_the_settings(capsys: pytest.CaptureFixture[str]):
    assert run(["multitask", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    defaults = TrainingSettings()
    for value in (defaults.steps, defaults.samples, defaults.temperature, defaults.learning_rate, CHECKPOINT_STEPS):
        assert f"[default: {value}]" in shown
