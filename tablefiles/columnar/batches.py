"""Record batches of a file, one after another, cut into the parts that were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.featurestore.common import first_line
from encore.featurestore.documents import as_stored
from encore.featurestore.errors import DataError, UnreadableFile
from encore.tablefiles.columnar.types import plain_type
from encore.tablefiles.contract import ColumnSelection, Fault, Part, Rows
from encore.tablefiles.files import TableFile
from encore.tablefiles.values import MAX_VALUE_BYTES, as_bytes, byte_lengths

NumberedBatches = Iterator[tuple[int, pa.RecordBatch]]
"""(row number of its first row in the file, batch) of each batch, in ascending order."""


def read_parts(
    file: TableFile, batches: NumberedBatches, parts: Sequence[Part], wanted: ColumnSelection
) -> Iterator[Rows]:
    """The rows of each part; of the batches, one is held at a time.

    Args:
        file: where they come from, for errors.
        batches: the file's batches. Reading stops after the last part.
        parts: ascending, without overlap.
        wanted: the columns.

    Raises:
        UnreadableFile: the batches end before the parts do.
    """
    cursor = _Cursor(file, batches)
    for part in parts:
        yield Rows.concatenate([as_rows(batch, row, wanted) for row, batch in cursor.move_over(part)])


DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What pyarrow raises for a damaged file; the last one for damaged names of columns."""

NULLS_IN_FIXED_LISTS = "Expected all lists to be of size="


@contextmanager
def damage_named(file: TableFile) -> Iterator[None]:
    """Turn an exception of pyarrow into an error that names the file.

    Raises:
        UnreadableFile: the file is damaged.
        DataError: its storage failed.
    """
    try:
        yield
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno:
            raise DataError(f"{file.uri}: cannot be read: {first_line(error)}") from error
        raise UnreadableFile(f"{file.uri}: {_unreadable(error)}") from error


def _unreadable(error: Exception) -> str:
    if NULLS_IN_FIXED_LISTS in str(error):
        return "a list of fixed size is null in it, which pyarrow does not read of Parquet; write it as a plain list"
    return f"damaged: {first_line(error)}"


class _Cursor:
    """Where in a run of batches the reading is."""

    def __init__(self, file: TableFile, batches: NumberedBatches) -> None:
        self._file, self._batches = file, batches
        self._row = 0
        self._batch: pa.RecordBatch | None = None

    def move_over(self, part: Part) -> NumberedBatches:
        """The pieces of batches that make up a part."""
        at = part.start
        while at < part.stop:
            batch = self._batch_at(at)
            stop = min(part.stop, self._row + batch.num_rows)
            yield at, batch.slice(at - self._row, stop - at)
            at = stop

    def _batch_at(self, row: int) -> pa.RecordBatch:
        while self._batch is None or self._row + self._batch.num_rows <= row:
            self._batch = None
            found = next(self._batches, None)
            if found is None:
                raise UnreadableFile(f"{self._file.uri}: damaged: it ends before row {row:,}, whose id was read before")
            self._row, self._batch = found
        return self._batch


def as_rows(batch: pa.RecordBatch, first_row: int, wanted: ColumnSelection) -> Rows:
    """The rows of one batch; a row with a value that is too long is a fault."""
    rows = Rows(
        rows=np.arange(first_row, first_row + batch.num_rows),
        values={name: as_bytes(batch[name]) for name in wanted.plain},
        others=_others(batch, wanted) if wanted.others else None,
    )
    return _without_long_values(rows, wanted)


def _without_long_values(rows: Rows, wanted: ColumnSelection) -> Rows:
    long = {name: _longer(values) for name, values in rows.values.items()}
    bad = np.logical_or.reduce(list(long.values()))
    if not bad.any():
        return rows
    limit = f"over {MAX_VALUE_BYTES >> 20} MiB"
    faults = []
    for position in np.flatnonzero(bad).tolist():
        row = int(rows.rows[position])
        if long[wanted.key][position]:
            faults.append(Fault(row, None, f"id {limit}"))
        else:
            key = rows.values[wanted.key][position].as_py()
            faults.append(Fault(row, None if key is None else key.decode(errors="replace"), f"text {limit}"))
    good = pa.array(~bad)
    return replace(
        rows,
        rows=rows.rows[~bad],
        values={name: values.filter(good) for name, values in rows.values.items()},
        others=None if rows.others is None else rows.others.filter(good),
        faults=tuple(faults),
    )


def _longer(values: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(byte_lengths(values) > MAX_VALUE_BYTES)


def _others(batch: pa.RecordBatch, wanted: ColumnSelection) -> pa.Table:
    others = {}
    for name in wanted.others:
        if pa.types.is_string(plain_type(batch.schema.field(name).type)):
            # A cast to string would refuse the whole column for one invalid value. Validation finds such values later.
            others[name] = as_bytes(batch[name]).view(pa.large_string())
        else:
            others[name] = as_stored(batch[name])
    return pa.table(others)
