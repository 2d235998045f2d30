"""The table formats; a new one is a file of its own and a line here."""

from __future__ import annotations

from featurestore.errors import UsageError
from tables.columnar.parquet_files import ParquetFiles
from tables.contract import NamedFormat, TableFormat
from tables.files import TableFile
from tables.partitions import PartitionedFormat
from tables.text.csv_files import CsvFiles
from tables.text.json_lines_files import JsonLinesFiles

FORMATS: dict[str, NamedFormat] = {reader.name: reader for reader in (ParquetFiles(), JsonLinesFiles(), CsvFiles())}
"""Format name → its strategy."""

ENDINGS: dict[str, str] = {ending: reader.name for reader in FORMATS.values() for ending in reader.endings}
"""File name ending → format name."""

COMPRESSED = (".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip")


def format_of(file: TableFile) -> TableFormat:
    """The strategy that reads a file."""
    plain = FORMATS[file.format]
    return PartitionedFormat(plain) if file.partitions else plain


def format_of_name(name: str) -> str | None:
    """Format of a file by the ending of its name; None for an ending that says nothing."""
    lowered = name.lower()
    return next((found for ending, found in ENDINGS.items() if lowered.endswith(ending)), None)


def require_format(uri: str) -> str:
    """Format of a file that was asked for.

    Raises:
        UsageError: its ending is unknown.
    """
    found = format_of_name(uri)
    if found is not None:
        return found
    if uri.lower().endswith(COMPRESSED):
        raise UsageError(f"{uri}: compressed files cannot be read in ranges; unpack it, or write Parquet")
    raise UsageError(f"{uri}: unknown ending; files end in {', '.join(ENDINGS)}")
