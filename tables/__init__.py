"""Tables that a user gives: files of Parquet, JSON and CSV, found, opened and read block by block."""

from tables.contract import TO_THE_END, KeyBlock, Part, Rows, TableFormat, Wanted
from tables.files import TableFile
from tables.formats import format_of
from tables.listing.listing import Listing, Unread
from tables.listing.sources import find_files, list_files
from tables.text_options import PLAIN_TEXT, TextOptions

__all__ = [
    "PLAIN_TEXT",
    "TO_THE_END",
    "KeyBlock",
    "Listing",
    "Part",
    "Rows",
    "TableFile",
    "TableFormat",
    "TextOptions",
    "Unread",
    "Wanted",
    "find_files",
    "format_of",
    "list_files",
]
