"""Writing an export. Many small segments are put together into row groups of a size that readers work well with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds

from encore.pipelines.export.head_columns import HeadColumns

GROUP_ROWS = 122_880
"""Rows of a group: as many as one thread of DuckDB reads."""
ROW_GROUP_BYTES = 64 << 20
"""The most bytes of probabilities in a row group."""
METADATA = b"encore"
"""Key of the file's metadata that says what it was made from."""


class RowGroups:
    """A Parquet file that is written group by group, with a checksum for every page."""

    def __init__(
        self, file: BinaryIO, schema: pa.Schema, heads: Sequence[HeadColumns], about: Mapping[str, Any]
    ) -> None:
        """Begin a file of these columns. ``about``, which says what it was made from, goes into its metadata."""
        self._schema, self._heads = schema, heads
        self._kept = [name for name in schema.names if name not in {field.name for it in heads for field in it.fields}]
        classes = sum(len(head.classes or ()) for head in heads)
        self._rows = max(1, min(GROUP_ROWS, ROW_GROUP_BYTES // (4 * max(1, classes))))
        self._pending: list[pa.Table] = []
        self._writer = pq.ParquetWriter(
            file,
            schema.with_metadata({METADATA: json.dumps(about).encode()}),
            compression="zstd",
            use_dictionary=self._repeating(),
            write_page_checksum=True,
        )

    def _repeating(self) -> list[str]:
        """Columns whose values repeat: labels, kept columns, and keys of maps; not ids or floats."""
        found = [f"{field.name}.key_value.key" for it in self._heads for field in it.fields if kinds.is_map(field.type)]
        found += [field.name for it in self._heads for field in it.fields if kinds.is_string(field.type)]
        return [*found, *(name for name in self._kept if name != "doc_id")]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Write the remaining rows. After an error nothing is written, since the file is dropped."""
        try:
            if kind is None:
                self._write(all_of_it=True)
                self._writer.close()
        finally:
            # Otherwise the garbage collector closes the writer later, when the file below it is closed already.
            self._writer.is_open = False

    def add(self, table: pa.Table) -> None:
        """Add rows: the kept columns, and the columns that `HeadColumns.columns` gave for each head."""
        self._pending.append(table)
        self._write(all_of_it=False)

    def _write(self, *, all_of_it: bool) -> None:
        if sum(table.num_rows for table in self._pending) < self._rows and not all_of_it:
            return
        rows = pa.concat_tables(self._pending) if self._pending else None
        while rows is not None and rows.num_rows >= (1 if all_of_it else self._rows):
            self._write_group(rows.slice(0, self._rows))
            rows = rows.slice(self._rows)
        self._pending = [] if rows is None or not rows.num_rows else [rows]

    def _write_group(self, rows: pa.Table) -> None:
        arrays = [rows[name] for name in self._kept]
        for head in self._heads:
            arrays += head.arrays(rows)
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=rows.num_rows)
