"""CSV: records found in blocks of bytes, and their cells."""

from encore.tablefiles.csv.format import CsvFiles, ends_in_line_end

__all__ = ["CsvFiles", "ends_in_line_end"]
