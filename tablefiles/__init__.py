"""Tables that a user gives: files of Parquet, JSON and CSV, found, opened and read block by block."""

from encore.tablefiles.contract import TO_THE_END, ColumnSelection, KeyBlock, Part, Rows, TableFormat
from encore.tablefiles.files import TableFile
from encore.tablefiles.formats import format_of
from encore.tablefiles.listing import Listing, UnreadPath, find_table_files, list_files
from encore.tablefiles.text_options import PLAIN_TEXT, TextOptions

__all__ = [
    "PLAIN_TEXT",
    "TO_THE_END",
    "ColumnSelection",
    "KeyBlock",
    "Listing",
    "Part",
    "Rows",
    "TableFile",
    "TableFormat",
    "TextOptions",
    "UnreadPath",
    "find_table_files",
    "format_of",
    "list_files",
]
