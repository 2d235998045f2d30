"""One Parquet file of the documents of a store, their kept columns, and what heads predicted for each."""

from encore.pipelines.export.job import ExportRequest, ExportSummary, HeadExport, export

__all__ = [
    "ExportRequest",
    "ExportSummary",
    "HeadExport",
    "export",
]
