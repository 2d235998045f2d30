"""Which display a job gets, and that loading a name prints nothing."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from encore.api.arguments.progress import display_of
from encore.api.loading import load
from encore.pipelines.progress import SilentDisplay
from encore.pipelines.progress.displays import LogLines, TerminalBar
from encore.pipelines.progress.notebook_bar import NotebookBar

ROOT = Path(__file__).parents[2]


def ipython(monkeypatch: pytest.MonkeyPatch, shell: object) -> None:
    module = ModuleType("IPython")
    vars(module)["get_ipython"] = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", module)


def test_nobody_watches_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert isinstance(display_of(None), SilentDisplay)
    assert isinstance(display_of(progress=True), LogLines)
    assert isinstance(display_of(progress=False), SilentDisplay)


def test_a_notebook_has_a_bar_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ipython(monkeypatch, SimpleNamespace(kernel=object()))
    assert isinstance(display_of(None), NotebookBar)
    assert isinstance(display_of(progress=False), SilentDisplay)


def test_a_terminal_has_that_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("encore.api.arguments.progress.is_terminal", lambda console: True)
    for shell in (None, SimpleNamespace()):
        ipython(monkeypatch, shell)
        assert isinstance(display_of(None), TerminalBar)


def test_a_name_is_loaded_without_remarks_and_leaves_logging_alone() -> None:
    code = (
        "import encore, logging; encore.encode; root = logging.getLogger(); "
        "assert root.handlers == root.filters == [], (root.handlers, root.filters)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_logging_is_as_before_where_loading_fails() -> None:
    before = [*logging.getLogger().handlers], [*logging.getLogger().filters]
    with pytest.raises(ModuleNotFoundError):
        load("encore.nonesuch")
    assert ([*logging.getLogger().handlers], [*logging.getLogger().filters]) == before
