"""What `encore predict` prints."""

from __future__ import annotations

from collections import Counter

from cli.document_output import write_documents
from cli.output import error_console, print_json, print_table
from pipelines.predict_job import Predicted


def print_predicted(predicted: Predicted, out: str | None, limit: int, *, as_json: bool) -> None:
    """The first predictions or all as JSON, or a file; and on standard error what was rejected."""
    table = predicted.table
    if out is not None:
        write_documents(table, out)
    elif as_json:
        print_json({"predictions": table.to_pylist(), "rejected": len(predicted.dead)})
    else:
        rows = [
            [f"{cell:.4f}" if isinstance(cell, float) else cell for cell in row.values()]
            for row in table.slice(0, limit).to_pylist()
        ]
        print_table(f"{min(limit, table.num_rows):,} of {table.num_rows:,} predictions", table.column_names, rows)
    reasons = Counter(f"{letter.stage}: {letter.kind}" for letter in predicted.dead)
    for reason, count in reasons.most_common():
        error_console().print(f"{count:,} rejected, {reason}", markup=False)
