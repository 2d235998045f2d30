"""The progress display of a job: a bar in a notebook or on a terminal, and nothing elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console

from encore.pipelines.progress import LogLines, NotebookBar, ProgressDisplay, SilentDisplay, TerminalBar, is_terminal


def display_of(progress: bool | None) -> ProgressDisplay:
    """The display for an argument ``progress``.

    Args:
        progress: None shows a bar in a notebook and on a terminal, and nothing elsewhere; True writes lines to standard
            error elsewhere; False shows nothing at all.
    """
    if progress is False:
        return SilentDisplay()
    if in_notebook():
        return NotebookBar()
    console = Console(stderr=True, highlight=False)
    if is_terminal(console):
        return TerminalBar(console)
    return LogLines() if progress else SilentDisplay()


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    # A kernel has IPython loaded. Elsewhere it need not be installed, so it is not imported here.
    module: Any = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return getattr(shell, "kernel", None) is not None
