"""The tables of docs/reference/what-encore-takes.md, made from the tables that the tests run.

``python -m tests.docs.generated_tables`` writes them into the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.encoders.architectures import ARCHITECTURES, REFUSED
from tests.encoders.architectures.architecture import EQUAL_LENGTHS, Architecture
from tests.tablefiles.input_files import INPUT_FILES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "what-encore-takes.md"


def tables() -> dict[str, str]:
    """Name of each generated table → its Markdown."""
    taken = [row for row in ARCHITECTURES if row.taken != REFUSED]
    refused = [row for row in ARCHITECTURES if row.taken == REFUSED]
    return {
        "encoders": _markdown(
            ("architecture", "`model_type`", "batches", "pairs of texts", "remark"), map(_taken, taken)
        ),
        "refused encoders": _markdown(
            ("architecture", "`model_type`", "it says", "remark"),
            ((row.name, f"`{row.model_type}`", f"… {_words(row.words)} …", row.remark) for row in refused),
        ),
        "files": _markdown(
            ("what", "for example", "is"),
            ((file.what, f"`{file.name}`", file.taken.replace("|", "\\|")) for file in INPUT_FILES),
        ),
    }


def with_tables(page: str) -> str:
    """A page whose generated tables are those of today."""
    for name, table in tables().items():
        start, end = f"<!-- {name}: generated -->\n", "<!-- end -->"
        pattern = re.compile(re.escape(start) + ".*?" + re.escape(end), re.DOTALL)
        if not pattern.search(page):
            raise ValueError(f"{PAGE.name}: no place for the table {name}")
        page = pattern.sub(lambda _match, text=f"{start}{table}{end}": text, page)
    return page


def _taken(row: Architecture) -> tuple[str, ...]:
    batches = "of equal lengths" if row.taken == EQUAL_LENGTHS else "of any lengths"
    pairs = "told apart by token types" if row.segments else "told apart by separators"
    return (row.name, f"`{row.model_type}`", batches, pairs if row.pairs else "none: no separator", row.remark)


def _words(pattern: str) -> str:
    """The words that a pattern stands for, for people."""
    return pattern.replace("\\", "").replace(".*", " … ")


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
