"""What `encore predict` prints."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa

from encore.cli.printing.documents import CSV, write_documents
from encore.cli.printing.tables import print_json, print_table, remark
from encore.featurestore.common import counted
from encore.featurestore.documents import TEXT, promote
from encore.pipelines.predictions import PROBABILITIES

if TYPE_CHECKING:
    from encore.pipelines.predict_job import NewPredictions


def print_predictions(predicted: NewPredictions, out: str | None, limit: int, *, as_json: bool) -> None:
    """Print the first predictions, or all as JSON, or write a file. Rejected documents go to standard error."""
    table = predicted.table
    if out is not None:
        write_documents(_with_objects(table) if out.endswith(CSV) else table, out)
    elif as_json:
        print_json({"predictions": _rows(table), "rejected": len(predicted.dead)})
    else:
        rows = [[_shown(cell) for cell in row.values()] for row in _rows(table.slice(0, limit))]
        title = f"{min(limit, table.num_rows):,} of {counted(table.num_rows, 'prediction')}"
        print_table(title, table.column_names, rows)
    reasons = Counter(f"{letter.stage}: {letter.kind}" for letter in predicted.dead)
    for reason, count in reasons.most_common():
        remark(f"{count:,} rejected, {reason}")


def _rows(table: pa.Table) -> list[dict[str, object]]:
    return table.to_pylist(maps_as_pydicts="strict")  # type: ignore[no-any-return]


def _with_objects(table: pa.Table) -> pa.Table:
    """The table with probabilities as JSON objects. A map's own text would be a list of pairs."""
    if PROBABILITIES not in table.column_names:
        return table
    pairs = map(json.loads, promote(table[PROBABILITIES], TEXT).to_pylist())
    texts = pa.array([json.dumps(dict(cell), ensure_ascii=False) for cell in pairs], TEXT)
    return table.set_column(table.schema.get_field_index(PROBABILITIES), PROBABILITIES, texts)


def _shown(cell: object) -> object:
    """A cell for people: probabilities with four digits, the most likely class first."""
    if isinstance(cell, dict):
        return ", ".join(f"{name} {share:.4f}" for name, share in sorted(cell.items(), key=lambda it: -it[1]))
    return f"{cell:.4f}" if isinstance(cell, float) else cell
