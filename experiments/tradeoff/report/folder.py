"""Everything that a report leaves in its folder."""

from __future__ import annotations

from pathlib import Path

from encore.experiments.tradeoff.report.chart import page_panel, panel_names
from encore.experiments.tradeoff.report.page import build_page
from encore.experiments.tradeoff.report.parquet_tables import CELLS_FILE, SETTINGS_FILE, write_tables
from encore.experiments.tradeoff.report.picture import build_picture, png_of, require_report_extra
from encore.experiments.tradeoff.run import TradeoffReport
from encore.featurestore import UsageError
from encore.featurestore.storage import whole_file

PICTURE_FILE = "tradeoff.png"
PAGE_FILE = "tradeoff.html"


def check_report_folder(folder: Path) -> None:
    """See that a report can be written there, before the work.

    Raises:
        UsageError: it cannot, or what draws the picture is not installed.
    """
    require_report_extra()
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder}: is a file; name a folder")


def write_report_files(report: TradeoffReport) -> tuple[Path, ...]:
    """Write tables, picture and page to the folder that was asked for; their paths."""
    folder = report.request.out
    write_tables(report, folder)
    with whole_file(folder / PICTURE_FILE) as file:
        file.write(png_of(build_picture(report)))
    panels = [page_panel(report, name) for name in panel_names(report)]
    with whole_file(folder / PAGE_FILE) as file:
        file.write(build_page(report, panels).encode())
    return tuple(folder / name for name in (PAGE_FILE, PICTURE_FILE, SETTINGS_FILE, CELLS_FILE))
