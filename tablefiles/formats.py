"""The table formats. A new one is a room of its own and a line here; what else tells it apart it says itself."""

from __future__ import annotations

from encore.featurestore.errors import UsageError
from encore.tablefiles.columnar import ArrowFiles, ParquetFiles
from encore.tablefiles.contract import NamedFormat, TableFormat
from encore.tablefiles.csv import CsvFiles
from encore.tablefiles.files import ARCHIVES, COMPRESSIONS, TableFile, codec_of_name, plain_name
from encore.tablefiles.json import JsonLinesFiles
from encore.tablefiles.partitions import PartitionedFormat

FORMATS: dict[str, NamedFormat] = {
    reader.name: reader for reader in (ParquetFiles(), JsonLinesFiles(), CsvFiles(), ArrowFiles())
}
"""Format name → its strategy."""

ENDINGS: dict[str, str] = {ending: reader.name for reader in FORMATS.values() for ending in reader.endings}
"""File name ending → format name."""


def format_of(file: TableFile) -> TableFormat:
    """The strategy that reads a file."""
    plain = FORMATS[file.format]
    return PartitionedFormat(plain) if file.partitions else plain


def format_of_name(name: str) -> str | None:
    """Format of a file by the ending of its name; None for an ending that says nothing, or one that is not read."""
    plain = plain_name(name)
    found = next((found for ending, found in ENDINGS.items() if plain.endswith(ending)), None)
    return None if found and FORMATS[found].compressed_inside and codec_of_name(name) else found


def require_format(uri: str) -> str:
    """Format of a file that was asked for.

    Raises:
        UsageError: its ending is unknown.
    """
    found = format_of_name(uri)
    if found is not None:
        return found
    if uri.lower().endswith(ARCHIVES):
        raise UsageError(f"{uri}: such archives are not read; unpack it, or compress it as {', '.join(COMPRESSIONS)}")
    if codec_of_name(uri) and format_of_name(plain_name(uri)):
        raise UsageError(f"{uri}: {format_of_name(plain_name(uri))} files compress inside; unpack it")
    packed = ", ".join(COMPRESSIONS)
    raise UsageError(f"{uri}: unknown ending; files end in {', '.join(ENDINGS)}, text also compressed ({packed})")
