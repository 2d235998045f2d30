"""What an encode job says at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from encore.cli.main import run
from tests.encoders.architectures import named, save
from tests.pipelines.jobs import texts, write_corpus


@pytest.mark.parametrize(("architecture", "said"), [("FNet", True), ("BERT", False)])
def test_batches_of_equal_lengths_are_mentioned(
    tmp_path: Path, architecture: str, said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = save(named(architecture), tmp_path / "encoder")
    words = ["encode", write_corpus(tmp_path / "a.parquet", texts(5)), "--store", str(tmp_path / "store")]
    assert run([*words, "--encoder", str(encoder), "--device", "cpu", "--max-length", "20"]) == 0
    assert ("of equal lengths alone: padding would show" in capsys.readouterr().out) is said
