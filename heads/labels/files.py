"""Labels from files, in every format of table that `encore encode` reads."""

from __future__ import annotations

import os

import pyarrow as pa

from encore.featurestore.errors import UsageError
from encore.heads.labels.table import Labels
from encore.tablefiles import PLAIN_TEXT, ColumnSelection, TextOptions, find_table_files
from encore.tablefiles.tables import read_table


def read_labels(
    path: str | os.PathLike[str],
    id_column: str = "doc_id",
    label_column: str = "label",
    options: TextOptions = PLAIN_TEXT,
) -> Labels:
    """Labels from a table: a file, a folder or a glob, local or in object storage.

    Args:
        path: the ending names the format, as for a corpus.
        id_column: name of the column of ids: text, or integers, which become decimal text.
        label_column: name of the column of labels: likewise, or booleans (``true``, ``false``).
        options: how text files are to be read.

    Raises:
        UsageError: no such file, an unknown ending, a file that is not what its ending says, or no such column.
        DataError: a row cannot be read, or a document has two labels.
    """
    name = os.fspath(path)
    table = read_columns(name, id_column, (id_column, label_column), options)
    return Labels.from_table(table, id_column, label_column, name)


def read_columns(name: str, key: str, columns: tuple[str, ...], options: TextOptions = PLAIN_TEXT) -> pa.Table:
    """Columns of a table as strings, with null for a missing value. Other columns are not kept in memory.

    Args:
        name: a file, a folder or a glob, as for a corpus.
        key: name of the column of ids.
        columns: names of the columns to read: text, integers or booleans. The key may be one of them.
        options: how text files are to be read.

    Raises:
        UsageError: no such file, an unknown ending, a file that is not what its ending says, or no such column.
        DataError: a row cannot be read.
    """
    wanted = ColumnSelection(key, labels=tuple(dict.fromkeys(column for column in columns if column != key)))
    parts: dict[str, list[pa.Array]] = {column: [] for column in columns}
    files = find_table_files([name], options)
    if not files:
        raise UsageError(f"{name}: is empty: 0 bytes")
    for file in files:
        for rows in read_table(file, wanted):
            for column, values in parts.items():
                values.append(rows[column].cast(pa.string()))
    return pa.table({column: pa.chunked_array(values, pa.string()) for column, values in parts.items()})
