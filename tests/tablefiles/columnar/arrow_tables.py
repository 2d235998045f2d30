"""Arrow IPC files of the tests."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa


def write_arrow(
    path: Path, table: pa.Table, *, stream: bool = False, compression: str | None = None, rows: int | None = None
) -> Path:
    """A table as Arrow IPC, in record batches of so many rows or of its chunks."""
    begin = pa.ipc.new_stream if stream else pa.ipc.new_file
    with begin(path, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, max_chunksize=rows)
    return path
