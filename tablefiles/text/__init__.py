"""Text files as blocks of bytes: what CSV and JSON share."""

from encore.tablefiles.text.byte_ranges import (
    MAX_ROW_BYTES,
    TOO_LONG,
    ByteBlock,
    ByteSpans,
    Skip,
    data_start,
    read_blocks,
)
from encore.tablefiles.text.signs import HEAD_BYTES, LINE_ENDS, first_bytes, read_head
from encore.tablefiles.text.streams import BYTE_ORDER_MARK, open_text

__all__ = [
    "BYTE_ORDER_MARK",
    "HEAD_BYTES",
    "LINE_ENDS",
    "MAX_ROW_BYTES",
    "TOO_LONG",
    "ByteBlock",
    "ByteSpans",
    "Skip",
    "data_start",
    "first_bytes",
    "open_text",
    "read_blocks",
    "read_head",
]
