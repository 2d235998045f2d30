"""Files in CSV (RFC 4180 unless said otherwise, with a header): parts are byte ranges that end between records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.featurestore.errors import DataError, UsageError
from encore.tablefiles.contract import TO_THE_END, ColumnSelection, Fault, KeyBlock, Part, Rows
from encore.tablefiles.csv.cells import read_cells
from encore.tablefiles.csv.header import Header, read_header
from encore.tablefiles.csv.records import CsvRecords
from encore.tablefiles.files import READ_BYTES, TableFile
from encore.tablefiles.text import LINE_ENDS, ByteBlock, open_text, read_blocks, read_head


@dataclass(frozen=True)
class CsvFiles:
    """CSV: every cell is text, and an empty one is empty text, never null; a row is a record after the header.

    Nothing is inferred: an id ``007`` stays ``007``, and the word ``null`` is a word.
    """

    name: ClassVar[str] = "csv"
    compressed_inside: ClassVar[bool] = False
    endings: ClassVar[tuple[str, ...]] = (".csv", ".tsv")

    def check(self, file: TableFile, wanted: ColumnSelection) -> None:
        """See `TableFormat.check`; an empty file has no rows, and no column of it can be missing."""
        read_head(file)
        header = read_header(file)
        if header is None:
            return
        if any(name not in header.names for name in wanted.names):
            _refuse_other_dialect(file, header.names)
        wanted.require(file.uri, header.names)

    def scan(self, file: TableFile, wanted: ColumnSelection) -> Iterator[KeyBlock]:
        """See `TableFormat.scan`."""
        header = read_header(file)
        if header is None:
            return
        records = CsvRecords(header.dialect, len(header.names))
        with open_text(file) as stream:
            for block in read_blocks(stream, file, header.stop, TO_THE_END, 0, records):
                found = read_cells(block, header, (wanted.key,), frozenset())
                ids = found.values[wanted.key]
                if found.faults:
                    origin = np.full(len(block.rows), -1)
                    origin[found.positions] = np.arange(len(found.positions))
                    ids = ids.take(pa.array(origin, mask=origin < 0))
                yield KeyBlock(ids, block.rows, block.starts, len(block.data), found.seen)

    def split_points(self, file: TableFile) -> npt.NDArray[np.int64] | None:
        """See `TableFormat.split_points`."""
        return np.zeros(1, np.int64) if file.is_stream else None

    def read(self, file: TableFile, parts: Sequence[Part], wanted: ColumnSelection) -> Iterator[Rows]:
        """See `TableFormat.read`."""
        header = read_header(file)
        if header is None:
            raise DataError(f"{file.uri}: has no header any more; run the command again")
        wanted.require(file.uri, header.names)
        records = CsvRecords(header.dialect, len(header.names))
        with open_text(file) as stream:
            for part in parts:
                blocks = read_blocks(stream, file, part.start, part.stop, part.first_row, records)
                yield Rows.concatenate([_read_block(block, header, wanted, file.seen) for block in blocks])

    def ends_whole(self, file: TableFile) -> bool:
        """Whether the last record has a line end. RFC 4180 asks for none; a cut file may have no other sign."""
        last = b""
        with open_text(file) as stream:
            if not file.is_stream:
                stream.seek(file.bytes - 1)
            while piece := stream.read(READ_BYTES):
                last = piece[-1:]
        return last in (b"\n", b"\r")


def _read_block(block: ByteBlock, header: Header, wanted: ColumnSelection, seen: frozenset[str]) -> Rows:
    found = read_cells(block, header, wanted.names, seen)
    rows = block.rows
    others = {name: found.values[name].view(pa.large_string()) for name in wanted.others}
    return Rows(
        rows=rows[found.positions],
        values={name: found.values[name] for name in wanted.plain},
        others=pa.table(others) if wanted.others else None,
        faults=tuple(Fault(int(rows[position]), None, reason) for position, reason in found.faults),
    )


def _refuse_other_dialect(file: TableFile, names: list[str]) -> None:
    """Raise UsageError if a header that lacks a column shows another delimiter, or unknown line ends."""
    whole = names[0]
    for end, name in LINE_ENDS.items():
        if any(end in each for each in names):
            raise UsageError(f"{file.uri}: its lines end in {name}; end them in LF or CR LF")
    other = next((mark for mark in ";\t|," if mark in whole), None)
    if len(names) == 1 and other is not None:
        option = "tab" if other == "\t" else f"'{other}'"
        raise UsageError(
            f"{file.uri}: its header has no {file.options.delimiter or 'comma'}; say --csv-delimiter {option} "
            "(in Python csv_delimiter)"
        )
