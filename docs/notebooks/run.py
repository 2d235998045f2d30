"""Run the notebook anew and write its page for the site: `make notebook`, or `python docs/notebooks/run.py`.

The notebook is the source: change its cells in Jupyter or an editor, then run this. The page holds the same cells and
what they gave, for readers of the site. Paths are those from the folder that it ran in.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("docstrings.ipynb")
PAGE = NOTEBOOK.with_suffix(".md")
DOWNLOAD = (
    f"*[The notebook itself]({NOTEBOOK.name}), to run and to change. `make notebook` runs it and writes this page.*"
)


def executed(notebook: Any, folder: Path) -> Any:
    """The notebook with the outputs that its cells give in a folder.

    Raises:
        CellExecutionError: a cell failed.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources, record_timing=False).execute()
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [_from_folder(it, folder) for it in cell.outputs if not _is_empty(it)]
    return notebook


def _is_empty(output: Any) -> bool:
    """Whether it is a line that a bar has taken away again."""
    return bool(output.output_type == "display_data" and not output.data["text/html"])


def _from_folder(output: Any, folder: Path) -> Any:
    """An output without the way to the folder, which is of one machine and one run."""
    text = json.dumps(output)
    for name in (str(folder.resolve()), str(folder)):
        text = text.replace(json.dumps(f"{name}/")[1:-1], "")
    return nbformat.from_dict(json.loads(text))


def page_of(notebook: Any) -> str:
    """The notebook as Markdown: its cells, and what each of them printed and showed."""
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        else:
            parts.append(f"```python\n{cell.source}\n```")
            parts += [shown for output in cell.outputs if (shown := _shown(output))]
    title, *rest = parts
    return "\n\n".join([title, DOWNLOAD, *rest]) + "\n"


def _shown(output: Any) -> str:
    """An output; nothing of a bar, which has said what it had to."""
    if output.output_type == "stream":
        return f"```text\n{output.text.rstrip()}\n```"
    if output.output_type != "execute_result":
        return ""
    if "text/html" in output.data:
        return str(output.data["text/html"])
    return f"```text\n{output.data['text/plain']}\n```"


def main() -> None:
    """Run it in a folder that is thrown away."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        executed(notebook, Path(folder))
    nbformat.write(notebook, NOTEBOOK)
    PAGE.write_text(page_of(notebook), encoding="utf-8")


if __name__ == "__main__":
    main()
