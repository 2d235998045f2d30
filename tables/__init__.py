"""Tables that a user gives: files of Parquet, JSON Lines and CSV, found, opened and read block by block."""

from tables.contract import KeyBlock, Part, Rows, TableFormat, Wanted
from tables.files import TableFile
from tables.formats import format_of
from tables.listing.listing import Listing, Unread
from tables.listing.sources import find_files, list_files

__all__ = [
    "KeyBlock",
    "Listing",
    "Part",
    "Rows",
    "TableFile",
    "TableFormat",
    "Unread",
    "Wanted",
    "find_files",
    "format_of",
    "list_files",
]
