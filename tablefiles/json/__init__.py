"""JSON: objects one a line, over several lines, or in an array."""

from encore.tablefiles.json.format import JsonLinesFiles

__all__ = ["JsonLinesFiles"]
