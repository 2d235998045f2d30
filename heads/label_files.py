"""Label files: Parquet, JSON Lines and CSV, told apart by their endings."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from featurestore.errors import UsageError
from featurestore.named_files import read_file
from heads.labels import Labels

Reader = Callable[[bytes, tuple[str, ...]], pa.Table]


def read_labels(path: str | os.PathLike[str], id_column: str = "doc_id", label_column: str = "label") -> Labels:
    """Labels from a file: a local path, or an object by its URL.

    Args:
        path: its ending says what it is: Parquet, JSON Lines or CSV, as for a corpus (`READERS`).
        id_column: name of the column of ids; integers are taken as their decimal text.
        label_column: name of the column of labels; likewise.

    Raises:
        UsageError: no such file, an unknown ending, a file that is not what its ending says, or no such column.
        DataError: a document has two labels.
    """
    name = os.fspath(path)
    return Labels.from_table(read_columns(name, (id_column, label_column)), id_column, label_column, name)


def read_columns(name: str, columns: tuple[str, ...]) -> pa.Table:
    """Columns of a file, beside others perhaps; those that it lacks are left out.

    Args:
        name: path or URL; its ending says what it is (`READERS`).
        columns: names of the columns; in a CSV file they are taken as text.

    Raises:
        UsageError: no such file, an unknown ending, or a file that is not what its ending says.
    """
    reader = next((READERS[ending] for ending in READERS if name.lower().endswith(ending)), None)
    if reader is None:
        raise UsageError(f"{name}: unknown ending; label files end in {', '.join(READERS)}")
    data = read_file(name)
    if data.startswith(b"PAR1") and reader is not _read_parquet:
        raise UsageError(f"{name}: is a Parquet file; rename it so that it ends in .parquet")
    try:
        table = reader(data, columns)
    except (pa.ArrowException, ValueError) as error:
        first_line = (str(error).splitlines() or ["unreadable"])[0]
        raise UsageError(f"{name}: cannot be read as {PurePosixPath(name).suffix[1:]}: {first_line}") from error
    return table


def _read_parquet(data: bytes, columns: tuple[str, ...]) -> pa.Table:
    file = pq.ParquetFile(pa.BufferReader(data))
    there = file.schema_arrow.names
    wanted = [column for column in dict.fromkeys(columns) if column in there]
    return file.read(columns=wanted) if len(wanted) == len(set(columns)) else file.schema_arrow.empty_table()


def _read_json_lines(data: bytes, columns: tuple[str, ...]) -> pa.Table:
    if not data.strip():
        return pa.table({})
    # One block: a line longer than a block is an error, and a column's type is found block by block.
    whole = pyarrow.json.ReadOptions(block_size=len(data) + 1)
    table = pyarrow.json.read_json(pa.BufferReader(data), read_options=whole)
    dates = [name for name in columns if name in table.column_names and pa.types.is_timestamp(table[name].type)]
    if dates:
        # Text that looks like a date is text all the same.
        text = pyarrow.json.ParseOptions(explicit_schema=pa.schema([(name, pa.string()) for name in dates]))
        table = pyarrow.json.read_json(pa.BufferReader(data), read_options=whole, parse_options=text)
    return table


def _read_csv(data: bytes, columns: tuple[str, ...]) -> pa.Table:
    # Nothing but text: an id 007 stays 007, and a label NA is a name.
    as_text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False)
    lines = pyarrow.csv.ParseOptions(newlines_in_values=True)
    return pyarrow.csv.read_csv(pa.BufferReader(data), convert_options=as_text, parse_options=lines)


READERS: dict[str, Reader] = {
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".json": _read_json_lines,
    ".csv": _read_csv,
}
"""Ending → reader."""
