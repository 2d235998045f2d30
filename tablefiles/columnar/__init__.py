"""Columnar formats: rows found by their number."""

from encore.tablefiles.columnar.arrow_files import ArrowFiles
from encore.tablefiles.columnar.parquet_files import ParquetFiles

__all__ = ["ArrowFiles", "ParquetFiles"]
