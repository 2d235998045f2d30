"""Printing and writing a document index."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from cli.output import error_console, print_table
from featurestore import UsageError


def print_documents(table: pa.Table, limit: int) -> None:
    """The first documents as a table, and how many there are."""
    rows = table.slice(0, limit).to_pylist()
    print_table(
        f"{min(limit, table.num_rows):,} of {table.num_rows:,} documents",
        table.column_names,
        [r.values() for r in rows],
    )


def write_documents(table: pa.Table, out: str) -> None:
    """All documents, as Parquet or CSV by the file's ending."""
    target = Path(out).expanduser()
    if target.suffix not in (".parquet", ".csv"):
        raise UsageError(f"{out}: expected a name that ends in .parquet or .csv")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix == ".csv":
        pcsv.write_csv(table, str(target))
    else:
        pq.write_table(table, str(target), compression="zstd")
    error_console().print(f"{table.num_rows:,} documents written to {target}")
