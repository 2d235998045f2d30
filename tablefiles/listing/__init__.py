"""Listing the files that a name, a folder, a prefix or a glob stands for."""

from encore.tablefiles.listing.listing import Listing, UnreadPath
from encore.tablefiles.listing.outputs import refuse_outputs_among_inputs
from encore.tablefiles.listing.sources import find_table_files, list_files

__all__ = [
    "Listing",
    "UnreadPath",
    "find_table_files",
    "list_files",
    "refuse_outputs_among_inputs",
]
