"""The report's folder: tables, picture and page."""

from encore.experiments.tradeoff.report.folder import check_report_folder, write_report_files
from encore.experiments.tradeoff.report.parquet_tables import point_row, provenance
from encore.experiments.tradeoff.report.wording import commands, recommendation_text, rising_text

__all__ = [
    "check_report_folder",
    "commands",
    "point_row",
    "provenance",
    "recommendation_text",
    "rising_text",
    "write_report_files",
]
