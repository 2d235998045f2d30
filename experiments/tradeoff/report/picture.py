"""The picture as PNG: all panels, and below each the list of its front."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from encore.experiments.tradeoff.report.chart import WIDTH, colours_of, configured, panel, panel_names
from encore.experiments.tradeoff.report.marks import Mark, listed, marks_of
from encore.experiments.tradeoff.report.png import compress
from encore.experiments.tradeoff.report.wording import panel_title
from encore.experiments.tradeoff.run import TradeoffReport
from encore.featurestore import UsageError

if TYPE_CHECKING:
    import altair as alt

INK = "#1d2733"
GAP = 66
"""Pixels between two panels, axis and labels included."""
AXIS_WIDTH = 42
"""Pixels of an axis with its labels."""
PANEL_COLUMNS = 2
LIST_COLUMNS = 3
"""Of the list below the panel over all tasks; below a task's there is one."""
LINE_HEIGHT = 17
"""Pixels of a line of the list."""
LEGEND_ROOM = 9
"""Quantizers that a line of the legend has room for, beside the positions."""
PNG_SCALE = 1.6
"""Pixels of the PNG for each of the picture's."""

KEY = (
    "line: the front, which nothing beats in bytes and accuracy alike, listed below; bars: 95 % intervals; "
    "ring: recommended"
)


def require_report_extra() -> None:
    """Raise UsageError where what draws and renders the picture is not installed."""
    missing = [name for name in ("altair", "vl_convert") if find_spec(name) is None]
    if missing:
        raise UsageError(f'tradeoff: {" and ".join(missing)} not installed; pip install "encore-featurestore[report]"')


def build_picture(report: TradeoffReport) -> alt.VConcatChart:
    """The picture of a report."""
    import altair as alt  # noqa: PLC0415 (an extra, which nothing but the picture takes)

    wide, *rest = panel_names(report)
    rows = [_titled(report, wide, WIDTH * 2 + GAP, LIST_COLUMNS)]
    rows += [
        alt.hconcat(*(_titled(report, name, WIDTH, 1) for name in rest[start : start + PANEL_COLUMNS])).properties(
            spacing=GAP - AXIS_WIDTH
        )
        for start in range(0, len(rest), PANEL_COLUMNS)
    ]
    chart: alt.VConcatChart = (
        configured(alt.vconcat(*rows, spacing=30), INK)
        .configure_title(fontSize=15, subtitleFontSize=12, subtitleColor="#5a6673", anchor="start", offset=10)
        .configure_legend(titleFontSize=12, labelFontSize=12, symbolSize=90, titleLimit=240)
    )
    return chart


def png_of(chart: alt.VConcatChart) -> bytes:
    """The picture as PNG."""
    import vl_convert  # noqa: PLC0415 (an extra)

    return compress(vl_convert.vegalite_to_png(chart.to_dict(), scale=PNG_SCALE))


def _titled(report: TradeoffReport, name: str, width: int, columns: int) -> Any:
    """A panel with its title, and the list of its front."""
    import altair as alt  # noqa: PLC0415 (an extra)

    lines = LEGEND_ROOM if len(colours_of(report)) > LEGEND_ROOM else 0
    legend = alt.Legend(orient="top", direction="horizontal", symbolOpacity=1, columns=lines)
    title = alt.TitleParams(panel_title(report, name), limit=width)
    if name == panel_names(report)[0]:
        title = alt.TitleParams(panel_title(report, name), subtitle=KEY, limit=width)
    drawn = panel(report, name, width, INK, legend).properties(title=title)
    return alt.vconcat(drawn, _list(listed(marks_of(report, name)), width, columns)).properties(spacing=6)


def _list(marks: Sequence[Mark], width: int, columns: int) -> Any:
    """Number, setting, bytes and accuracy of these marks, line by line, one column after the other."""
    import altair as alt  # noqa: PLC0415 (an extra)

    height = -(-len(marks) // columns)
    room = width / columns
    lines = [
        {
            "x": place // height * room,
            "y": (place % height + 0.5) * LINE_HEIGHT,
            "sign": str(each["number"] or "○"),
            "text": f"{each['setting']}   {each['listed_text']}{'   ← recommended' if each['recommended'] else ''}",
        }
        for place, each in enumerate(marks)
    ]
    text = alt.Chart(alt.Data(values=lines)).encode(  # type: ignore[no-untyped-call]
        x=alt.X("x:Q", scale=None, axis=None), y=alt.Y("y:Q", scale=None, axis=None)
    )
    numbers = text.mark_text(align="right", dx=16, fontSize=12, fontWeight="bold").encode(text="sign:N")
    names = text.mark_text(align="left", dx=24, fontSize=12, limit=room - 32).encode(text="text:N")
    return alt.layer(numbers, names, view=alt.ViewConfig(stroke=None)).properties(
        width=width, height=height * LINE_HEIGHT
    )
