"""The loop where a scientist works: in IPython, and in a notebook with a kernel of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import nbformat
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nbclient import NotebookClient

from encore.featurestore import Catalogue
from encore.pipelines.predictions import PredictionsFolder
from tests.own_packages import write_own_packages
from tests.pipelines.jobs import encoder, texts, write_corpus

ROOT = Path(__file__).parents[2]
LOOP = Path(__file__).with_name("notebook_loop.py")
DOCUMENTS = 40
SHOWN = [*["Report"] * 3, "Store", "Head", "Evaluation", "Predictions", "Evaluation", "Predicted"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the loop finds its corpus, its labels and its encoder, packages called like Encore's, and no settings."""
    for name in ("IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    work = tmp_path / "work"
    write_corpus(work / "articles.parquet", texts(DOCUMENTS))
    labels = {"doc_id": [f"d{i}" for i in range(DOCUMENTS)], "label": ["even", "odd"] * (DOCUMENTS // 2)}
    pq.write_table(pa.table(labels), work / "topics.parquet")
    copytree(encoder(), work / "encoder")
    write_own_packages(work)
    return work


def require_done(folder: Path) -> None:
    """The loop has been run to its end, and has left nothing where temporary files go."""
    assert len(Catalogue.open(str(folder / "features"))) == DOCUMENTS
    assert PredictionsFolder.open(str(folder / "predictions")).read("topic").num_rows == DOCUMENTS
    assert list((folder.parent / "TMPDIR").glob("beam*")) == []


def test_the_loop_runs_in_ipython(folder: Path) -> None:
    start = [sys.executable, "-m", "IPython", "--no-banner", "--no-confirm-exit", str(LOOP)]
    done = subprocess.run(start, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    require_done(folder)


def test_the_loop_runs_in_a_notebook_and_its_cells_read_well(folder: Path) -> None:
    cells = re.split(r"^# %%", LOOP.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"#{cell}") for cell in cells])
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    require_done(folder)
    said = [output for cell in notebook.cells for output in cell.outputs]
    # Importing Beam and torch is what libraries remark upon; a job writes no lines, and draws a bar.
    assert not [output for cell in notebook.cells[1:] for output in cell.outputs if output.output_type == "stream"]
    shown = [output.data for output in said if output.output_type == "execute_result"]
    assert [data["text/plain"].removeprefix("<").partition(" ")[0] for data in shown] == SHOWN
    assert all(len(data["text/plain"]) < 300 for data in shown)
    assert shown[3]["text/plain"] == f"<Store features@1: {DOCUMENTS} documents, mean:3 · tokens · sign>"
    assert all(data["text/html"].startswith("<div><strong>") for data in shown)
    bars = [output.data["text/html"] for output in said if output.output_type == "display_data"]
    assert f"{DOCUMENTS} of {DOCUMENTS} documents" in bars[0]
    assert all("<progress " in bar for bar in bars)
