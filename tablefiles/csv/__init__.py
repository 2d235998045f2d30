"""CSV: records found in blocks of bytes, and their cells."""

from encore.tablefiles.csv.format import CsvFiles

__all__ = ["CsvFiles"]
