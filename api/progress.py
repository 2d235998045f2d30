"""How far a job is, for who called it: a bar in a notebook or on a terminal, and nothing where nobody watches."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console

from encore.pipelines.progress import ProgressDisplay, Silent, is_terminal
from encore.pipelines.progress.displays import LogLines, TerminalBar
from encore.pipelines.progress.notebook_bar import NotebookBar


def display_of(progress: bool | None) -> ProgressDisplay:
    """The display that suits.

    Args:
        progress: None shows a bar in a notebook and on a terminal, and nothing elsewhere; True writes lines to standard
            error elsewhere; False shows nothing at all.
    """
    if progress is False:
        return Silent()
    if in_notebook():
        return NotebookBar()
    console = Console(stderr=True, highlight=False)
    if is_terminal(console):
        return TerminalBar(console)
    return LogLines() if progress else Silent()


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    # Whoever is in one has IPython loaded; it need not be installed elsewhere.
    module: Any = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return getattr(shell, "kernel", None) is not None
