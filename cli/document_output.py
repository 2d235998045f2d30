"""Printing and writing a document index."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from cli.output import error_console, prepare_file, print_table
from featurestore import UsageError
from featurestore.named_files import new_file

PARQUET, CSV = ".parquet", ".csv"
"""Endings, which say what is written."""


def print_documents(table: pa.Table, limit: int) -> None:
    """The first documents as a table, and how many there are."""
    rows = table.slice(0, limit).to_pylist()
    print_table(
        f"{min(limit, table.num_rows):,} of {table.num_rows:,} documents",
        table.column_names,
        [r.values() for r in rows],
    )


def prepare_out(out: str | None) -> None:
    """See that documents can be written to a file, before the work that makes them.

    Raises:
        UsageError: its ending says nothing, or it cannot be written.
    """
    if out is not None and not out.endswith((PARQUET, CSV)):
        raise UsageError(f"{out}: expected a name that ends in .parquet or .csv")
    prepare_file(out, "--out")


def write_documents(table: pa.Table, out: str) -> None:
    """All documents, as Parquet or CSV by the file's ending, which `prepare_out` has seen."""
    with new_file(out) as file:
        if out.endswith(CSV):
            pcsv.write_csv(_flat(table), file)
        else:
            pq.write_table(table, file, compression="zstd")
    error_console().print(f"{table.num_rows:,} rows written to {out}", markup=False, soft_wrap=True)


def _flat(table: pa.Table) -> pa.Table:
    """The table with lists and structs as JSON text and bytes as hex digits: CSV has no cells for them."""
    for position, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            texts = [None if cell is None else json.dumps(cell, default=str) for cell in table[position].to_pylist()]
        elif pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            texts = [None if cell is None else cell.hex() for cell in table[position].to_pylist()]
        else:
            continue
        table = table.set_column(position, field.name, pa.array(texts, pa.string()))
    return table
