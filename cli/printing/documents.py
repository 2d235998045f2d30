"""Printing and writing a document index."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from encore.cli.printing.tables import prepare_file, print_table, remark
from encore.featurestore import UsageError
from encore.featurestore.common import counted
from encore.featurestore.documents import TEXT, promote
from encore.featurestore.storage import new_file

PARQUET, CSV = ".parquet", ".csv"
"""Endings of a file name, which give its format."""


def print_documents(table: pa.Table, limit: int) -> None:
    """Print the first documents as a table, and the number of all."""
    cells = [column.to_pylist() for column in _flat(table.slice(0, limit)).columns]
    title = f"{min(limit, table.num_rows):,} of {counted(table.num_rows, 'document')}"
    print_table(title, table.column_names, zip(*cells, strict=True))


def documents_json(table: pa.Table, limit: int) -> list[dict[str, Any]]:
    """The first documents as JSON. Numbers and booleans stay; all other values become text."""
    return _flat(table.slice(0, limit)).to_pylist()  # type: ignore[no-any-return]


def prepare_out(out: str | None) -> None:
    """Check, before the work, that documents can be written to a file.

    Raises:
        UsageError: its ending is unknown, or it cannot be written.
    """
    if out is not None and not out.endswith((PARQUET, CSV)):
        raise UsageError(f"{out}: expected a name that ends in .parquet or .csv")
    prepare_file(out, "--out")


def write_documents(table: pa.Table, out: str) -> None:
    """Write all documents as Parquet or CSV, by the file's ending. `prepare_out` has checked the ending."""
    with new_file(out) as file:
        if out.endswith(CSV):
            pcsv.write_csv(_flat(table), file)
        else:
            pq.write_table(table, file, compression="zstd")
    remark(f"{counted(table.num_rows, 'row')} written to {out}")


def _flat(table: pa.Table) -> pa.Table:
    """The table with all columns but numbers and booleans as text, since a CSV cell cannot hold other values."""
    for position, field in enumerate(table.schema):
        if not (pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_boolean(field.type)):
            table = table.set_column(position, field.name, promote(table[position], TEXT))
    return table
