"""Tables in memory as labels, ids and corpora, from any library with Arrow's PyCapsule protocol.

pandas, Polars, DuckDB and pyarrow have it; of these, only pyarrow must be installed. A `datasets.Dataset` has not, but
it gives its rows as an Arrow table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from encore.featurestore.common import first_line, several
from encore.featurestore.errors import UsageError
from encore.heads.labels import Labels, read_labels
from encore.tablefiles import ColumnSelection, TextOptions

ROW_GROUP = 8192
"""Rows of a row group of the temporary Parquet file. A job can begin to read at each row group."""


VIEWS = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}


class ArrowTable(Protocol):
    """Any table with Arrow's PyCapsule protocol for streams."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


Table = str | PathLike[str] | ArrowTable
"""A table: a file by its path or URL, or a table in memory."""
Corpus = Table | Sequence[Table]
"""One or several files, folders and globs, or tables in memory."""


def is_table(given: object) -> bool:
    """Whether something is a table, or a column, in memory."""
    return hasattr(given, "__arrow_c_stream__") or hasattr(given, "__arrow_c_array__") or _is_dataset(given)


def arrow_table(given: Any, what: str, wanted: str) -> pa.Table:
    """A table in memory as an Arrow table.

    Args:
        given: a table that speaks the protocol.
        what: its name in the message.
        wanted: the columns that it should have, in words for the message.

    Raises:
        UsageError: it has no columns.
    """
    try:
        table = pa.table(given.with_format("arrow")[:] if _is_dataset(given) else given)
    except (pa.ArrowException, TypeError, ValueError) as error:
        name = f"{what}: a {type(given).__name__}"
        if _is_column(given):
            raise UsageError(f"{name} is a single column; give a table with {wanted}") from error
        raise UsageError(f"{name} cannot be read as a table with {wanted}: {first_line(error)}") from error
    return pa.Table.from_arrays([_plain(column) for column in table.columns], table.column_names)


def _is_dataset(given: object) -> bool:
    """Whether something is a `datasets.Dataset`. Its rows may be a selection of the rows of its table."""
    return all(hasattr(given, name) for name in ("with_format", "column_names", "__getitem__"))


def labels_of(given: Table, id_column: str, label_column: str, options: TextOptions, what: str) -> Labels:
    """Labels of a file or of a table in memory.

    Raises:
        UsageError, DataError: as `encore.heads.labels.files.read_labels` does.
    """
    if is_table(given):
        return Labels.from_table(arrow_table(given, what, "ids and labels"), id_column, label_column, what)
    if not isinstance(given, (str, PathLike)):
        raise UsageError(f"{what}: a {type(given).__name__} is neither a file nor a table; give a path or a data frame")
    return read_labels(given, id_column, label_column, options)


def column_of(given: Any, id_column: str = "doc_id") -> Any:
    """Ids for `encore.featurestore.documents.ids.id_array`: a column of any library becomes an Arrow array.

    Args:
        given: ids in any form. Of a table, the ids are the column ``id_column``, or the only one.
        id_column: column of the document ids.

    Raises:
        UsageError: a table has several columns, and none of this name.
    """
    if not is_table(given):
        return given
    if not _is_dataset(given):
        column = _column(given)
        if not pa.types.is_struct(column.type):
            return column
        given = column
    table = arrow_table(given, "ids", "ids")
    # A data frame of pandas with an index of its own brings it as a column.
    names = [name for name in table.column_names if not name.startswith("__index_level_")]
    if len(names) != 1 and names.count(id_column) != 1:
        raise UsageError(
            f"ids: the table has the columns {', '.join(map(repr, names))}; give the column of ids alone, or name it "
            f"{id_column}"
        )
    return table[names[0] if len(names) == 1 else id_column]


def _column(given: Any) -> pa.ChunkedArray | pa.Array:
    """A column of any library. A table becomes a column of structures."""
    return pa.chunked_array(given) if hasattr(given, "__arrow_c_stream__") else pa.array(given)


def _is_column(given: Any) -> bool:
    """Whether something is a column, not a table."""
    return not _is_dataset(given) and not pa.types.is_struct(_column(given).type)


def corpus_parts(corpus: Any) -> tuple[Any, ...]:
    """The files and tables of a corpus as a tuple."""
    return (corpus,) if is_table(corpus) else several(corpus, "inputs")


@contextmanager
def corpus_files(given: Any, wanted: ColumnSelection, *, here: bool) -> Iterator[tuple[str, ...]]:
    """A context with the files of a corpus, while a job reads them.

    A table in memory becomes a Parquet file in a temporary folder. The file has only the columns that the job reads.

    Args:
        given: files, folders, globs and tables, one or several.
        wanted: the columns that the job reads.
        here: whether the job's workers are in this process.

    Raises:
        UsageError: a table lacks a column, or the workers are elsewhere and could not read the temporary file.
    """
    parts = corpus_parts(given)
    tables = [part for part in parts if is_table(part)]
    if tables and not here:
        raise UsageError(
            "inputs: a table in memory is on this machine alone, and the runner's workers may be on others; "
            "write it to a file that they can read, and give that file"
        )
    with TemporaryDirectory(prefix="encore-table-") as folder:
        numbers = iter(range(1, len(tables) + 1))
        yield tuple(_written(part, wanted, Path(folder), next(numbers)) if is_table(part) else part for part in parts)


def _written(given: Any, wanted: ColumnSelection, folder: Path, number: int) -> str:
    table = arrow_table(given, "inputs", "ids and texts")
    wanted.require("the table", table.column_names)
    path = folder / f"table-{number}.parquet"
    try:
        pq.write_table(table.select(wanted.names), path, row_group_size=ROW_GROUP, compression="zstd")
    except pa.ArrowNotImplementedError as error:
        raise UsageError(
            f"the table: Parquet has no type for a column: {first_line(error)}; leave that column out"
        ) from error
    return str(path)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert a column to the types of columns in files. Polars has string views, which Arrow supports less."""
    kind = column.type
    if kind in VIEWS:
        return column.cast(VIEWS[kind])
    if pa.types.is_dictionary(kind) and kind.value_type in VIEWS:
        values = VIEWS[kind.value_type]
        parts = [pa.DictionaryArray.from_arrays(it.indices, it.dictionary.cast(values)) for it in column.chunks]
        return pa.chunked_array(parts, pa.dictionary(kind.index_type, values))
    return column
