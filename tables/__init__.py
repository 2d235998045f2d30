"""Tables that a user gives: files of Parquet, JSON Lines and CSV, found, opened and read block by block."""

from tables.contract import KeyBlock, Part, Rows, TableFormat, Wanted
from tables.files import TableFile
from tables.formats import FORMATS
from tables.listing.sources import find_files

__all__ = [
    "FORMATS",
    "KeyBlock",
    "Part",
    "Rows",
    "TableFile",
    "TableFormat",
    "Wanted",
    "find_files",
]
