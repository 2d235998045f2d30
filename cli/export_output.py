"""What `encore export` prints."""

from __future__ import annotations

from dataclasses import asdict

from cli.output import print_json, print_pairs
from pipelines.export import Exported, HeadExport


def print_export(done: Exported, out: str, *, as_json: bool) -> None:
    """What is in the file, and of each head what is not: a line for each."""
    if as_json:
        print_json({"out": out, **asdict(done)})
        return
    lines: list[tuple[str, object]] = [
        ("written", f"{out}, {done.documents:,} {_documents(done.documents)}"),
        ("store", f"{done.store} at snapshot {done.snapshot}"),
        ("columns", ", ".join(done.columns)),
    ]
    for head in done.heads:
        lines += _of_head(head)
    print_pairs(lines)


def _of_head(head: HeadExport) -> list[tuple[str, object]]:
    lines: list[tuple[str, object]] = [
        ("head", f"{head.head}: {head.predicted:,} {_predictions(head.predicted)} in {', '.join(head.columns)}")
    ]
    if head.without:
        there = f"{head.without:,} {_documents(head.without)}"
        lines.append(("", f"  {there} without one yet; encore backfill with this head scores them"))
    if head.left_out:
        lines.append(("", f"  {head.left_out:,} left out: the document is gone, or has another text by now"))
    return lines


def _documents(count: int) -> str:
    return "document" if count == 1 else "documents"


def _predictions(count: int) -> str:
    return "prediction" if count == 1 else "predictions"
