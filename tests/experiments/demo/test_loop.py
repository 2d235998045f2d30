from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from encore.cli.printing.experiments.demo import print_demo
from encore.experiments.demo.docstrings import standard_library
from encore.experiments.demo.loop import run_demo
from encore.featurestore import Catalogue
from encore.pipelines.predictions import PredictionsFolder
from encore.pipelines.progress import SilentDisplay
from tests.models import tiny_bert

PACKAGE_CLASSES = ("asyncio", "email", "json", "logging")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A few packages of the standard library."""
    for package in PACKAGE_CLASSES:
        shutil.copytree(standard_library() / package, tmp_path / "sources" / package)
    return tmp_path / "sources"


def test_the_demo_runs_the_whole_loop_and_finds_its_work_again(
    tmp_path: Path, sources: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    encoder = str(tiny_bert(tmp_path / "encoder", layers=6))
    result = run_demo(tmp_path / "demo", encoder, said.append, SilentDisplay(), sources)
    assert len(said) == 5
    assert set(result.evaluations) == {"package", "kind"}
    # None has the name of a package of ours: a Python that starts there might take it for ours.
    made = {path.name for path in (tmp_path / "demo").iterdir() if path.is_dir()}
    assert made == {"features", "labels", "predictions", "trained"}
    assert result.documents == len(Catalogue.open(str(tmp_path / "demo" / "features"))) > 100
    for task in result.evaluations:
        assert PredictionsFolder.open(str(tmp_path / "demo" / "predictions")).read(task).num_rows == result.documents
    sizes = result.bytes_a_document
    assert sizes["float32"] == 2 * sizes["float16"] == 32 * sizes["sign"]
    print_demo(result)
    output = capsys.readouterr().out
    assert "majority class" in output
    assert f"encore inspect --store {tmp_path / 'demo' / 'features'}" in output.replace("\n", "")
    again = run_demo(tmp_path / "demo", encoder, said.append, SilentDisplay(), sources)
    assert Catalogue.open(str(tmp_path / "demo" / "features")).version == 1
    assert again.evaluations == result.evaluations
