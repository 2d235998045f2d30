"""The bar in a notebook's cell: pictures of it, one in the place of the other."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from encore.pipelines.progress import ProgressState
from encore.pipelines.progress.notebook_bar import NotebookBar


class Cell:
    """The output of a cell: every picture that is drawn in it, and whether it was in the place of another."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.drawn: list[str] = []
        self.places = 0
        page = ModuleType("IPython.display")
        vars(page).update(HTML=str, display=self._display)
        monkeypatch.setitem(sys.modules, "IPython.display", page)

    def _display(self, html: str, *, display_id: bool) -> Cell:
        self.places += 1
        self.drawn.append(html)
        return self

    def update(self, html: str) -> None:
        self.drawn.append(html)


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    return Cell(monkeypatch)


def test_a_bar_moves_in_one_place_and_stays_at_its_end(cell: Cell) -> None:
    seconds = iter(range(100))
    bar = NotebookBar(lambda: float(next(seconds)))
    with bar.preparing("encode", "planning, <2> files"):
        assert cell.drawn == ["<b>encode</b> planning, &lt;2&gt; files"]
    bar.begin("encode", 3000, detail="in 3 work units")
    bar.show(ProgressState(1000, 12.0, "900 tokens/s"))
    bar.show(ProgressState(3000, 0.0, "<b>"))
    bar.end()
    assert cell.places == 1
    assert cell.drawn[3:] == [
        '<b>encode</b> <progress value="1000" max="3000"></progress> 1,000 of 3,000 documents, 900 tokens/s, 12 s left',
        '<b>encode</b> <progress value="3000" max="3000"></progress> 3,000 of 3,000 documents, &lt;b&gt;, 0 s left',
        '<b>encode</b> <progress value="3000" max="3000"></progress> 3,000 of 3,000 documents, &lt;b&gt;',
    ]


def test_a_bar_that_just_moved_waits_and_its_end_is_what_was_shown_last(cell: Cell) -> None:
    bar = NotebookBar(lambda: 0.0)
    bar.begin("train", 8, "epoch")
    for count in range(1, 9):
        bar.show(ProgressState(count))
    bar.end()
    assert len(cell.drawn) == 2
    assert cell.drawn[-1].endswith("8 of 8 epochs")


def test_the_next_job_has_a_place_of_its_own(cell: Cell) -> None:
    bar = NotebookBar()
    for title in ("a", "b"):
        bar.begin(title, 1)
        bar.end()
    assert cell.places == 2
