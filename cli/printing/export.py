"""What `encore export` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from encore.cli.printing.tables import print_json, print_pairs
from encore.featurestore.common import counted

if TYPE_CHECKING:
    from encore.pipelines.export import ExportSummary, HeadExport


def print_export(done: ExportSummary, out: str, *, as_json: bool) -> None:
    """Print what is in the file, and a line for each head: its documents with and without a prediction."""
    if as_json:
        print_json({"out": out, **asdict(done)})
        return
    lines: list[tuple[str, object]] = [
        ("written", f"{out}, {counted(done.documents, 'document')}"),
        ("store", f"{done.store} at snapshot {done.snapshot}"),
        ("columns", ", ".join(done.columns)),
    ]
    for head in done.heads:
        lines += _of_head(head)
    print_pairs(lines)


def _of_head(head: HeadExport) -> list[tuple[str, object]]:
    lines: list[tuple[str, object]] = [
        ("head", f"{head.head}: {counted(head.predicted, 'prediction')} in {', '.join(head.columns)}")
    ]
    if head.without:
        there = counted(head.without, "document")
        lines.append(("", f"  {there} without one yet; encore backfill with this head scores them"))
    if head.left_out:
        lines.append(
            (
                "",
                f"  {head.left_out:,} left out: the document is gone, or was stored anew since then",
            )
        )
    return lines
