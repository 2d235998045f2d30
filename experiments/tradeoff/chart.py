"""The picture: accuracy against bytes a document, over all tasks and for each."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.tradeoff.marks import TOOLTIP, Mark, labelled, log_ticks, mark, quantizer_names
from experiments.tradeoff.png import compact
from experiments.tradeoff.run import TradeoffReport
from experiments.tradeoff.summary import Point
from featurestore import UsageError
from featurestore.spec import POSITIONS

if TYPE_CHECKING:
    import altair as alt

WIDTH, HEIGHT = 470, 320
"""Pixels of a task's panel; the one over all tasks is as wide as two."""
GAP = 66
"""Pixels between two panels, axis and labels included."""
AXIS_WIDTH = 42
"""Pixels of an axis with its labels."""
COLUMNS = 2
MARGIN = 0.04
"""Room around the points, as a share of what they span."""
LABEL_MARGIN = 70
"""Pixels to the left of the smallest setting, for its label."""
PNG_SCALE = 1.6
"""Pixels of the PNG for each of the picture's."""

COLOURS = ("#1b4f8a", "#2f9e8f", "#7a9a1e", "#e09f1f", "#c8463c", "#7b4fa3", "#5c5c5c", "#d277a8", "#58a6d6", "#8a5a2b")
SHAPES = ("circle", "square", "triangle-up")
"""Of the positions, in the order of `featurestore.spec.POSITIONS`: tokens, cls, mean."""
KEY = "line: the front, which nothing beats in bytes and accuracy alike; bars: 95 % intervals; ring: recommended"


def require_report_extra() -> None:
    """Raise UsageError where what draws and renders the picture is not installed."""
    missing = [name for name in ("altair", "vl_convert") if find_spec(name) is None]
    if missing:
        raise UsageError(f'tradeoff: {" and ".join(missing)} not installed; pip install "encore-featurestore[report]"')


def build_chart(report: TradeoffReport, *, interactive: bool) -> alt.VConcatChart:
    """The picture of a report.

    Args:
        report: what was measured.
        interactive: with tooltips, and legends that pick out what is clicked.
    """
    import altair as alt  # noqa: PLC0415 (an extra, which nothing but the picture takes)

    picks = [alt.selection_point(name, fields=[name], bind="legend") for name in ("quantizer", "positions")]
    shown = picks if interactive else []
    names = list(dict.fromkeys(point.panel for point in report.points))
    wide, rest = names[-1], names[:-1]
    rows = [_panel(report, wide, WIDTH * 2 + GAP, shown)]
    rows += [
        alt.hconcat(*(_panel(report, name, WIDTH, shown) for name in rest[start : start + COLUMNS])).properties(
            spacing=GAP - AXIS_WIDTH
        )
        for start in range(0, len(rest), COLUMNS)
    ]
    chart: alt.VConcatChart = (
        alt.vconcat(*rows, spacing=30)
        .configure(font="Helvetica, Arial, sans-serif", background="white")
        .configure_view(stroke="#d5d5d5")
        .configure_axis(
            labelFontSize=12, titleFontSize=12, titleFontWeight="normal", gridColor="#ececec", labelColor="#333"
        )
        .configure_title(fontSize=15, subtitleFontSize=12, subtitleColor="#5a6673", anchor="start", offset=10)
        .configure_legend(titleFontSize=12, labelFontSize=12, symbolSize=90, titleLimit=240)
    )
    if not interactive:
        return chart
    with warnings.catch_warnings():
        # One selection over all panels is what is meant.
        warnings.filterwarnings("ignore", "Automatically deduplicated selection parameter", UserWarning)
        return alt.VConcatChart.from_dict(chart.add_params(*picks).to_dict())


def png_of(chart: alt.VConcatChart) -> bytes:
    """The picture as PNG."""
    import vl_convert  # noqa: PLC0415 (an extra)

    return compact(vl_convert.vegalite_to_png(chart.to_dict(), scale=PNG_SCALE))


def _panel(report: TradeoffReport, name: str, width: int, picks: Sequence[Any]) -> Any:
    """Front, intervals, points and labels of one panel."""
    import altair as alt  # noqa: PLC0415 (an extra)

    points = [point for point in report.points if point.panel == name]
    marks = [mark(report, point) for point in points]
    x_domain, y_domain = _domains(points, width)
    x = alt.X(
        "bytes:Q",
        title="bytes a document (log scale)",
        scale=alt.Scale(type="log", domain=[10 ** x_domain[0], 10 ** x_domain[1]], nice=False),
        axis=alt.Axis(format="~s", values=log_ticks(x_domain)),
    )
    scale = alt.Scale(domain=list(y_domain), zero=False, nice=False)
    y = alt.Y("accuracy:Q", title="accuracy, % of dev documents", scale=scale)
    colour, shape = _legends(report)
    front = _chart([each for each in marks if each["on_front"]])
    layers = [
        front.mark_line(interpolate="step-after", color="#777", strokeWidth=1.4).encode(x=x, y=y, order="bytes:Q"),
        front.mark_rule(strokeWidth=1.6, opacity=0.55).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour),
    ]
    # Below the points: a ring above one would catch the pointer in its place.
    ringed = [each for each in marks if each["recommended"]]
    if ringed:
        ring = _chart(ringed).mark_point(size=330, stroke="black", strokeWidth=2.2, filled=False)
        layers.append(ring.encode(x=x, y=y))
    dots = _chart(marks).mark_point(filled=True, size=64, stroke="white", strokeWidth=0.6)
    dots = dots.encode(x=x, y=y, color=colour, shape=shape)
    if picks:
        dots = dots.encode(
            opacity=alt.condition(picks[0] & picks[1], alt.value(1), alt.value(0.08)),
            tooltip=[alt.Tooltip(f"{field}:N", title=title) for field, title in TOOLTIP.items()],
        )
    layers.append(dots)
    named = labelled(marks, x_domain, y_domain, (width, HEIGHT))
    for recommended, away in ((True, 14), (False, 7)):
        text = _chart([each for each in named if each["recommended"] == recommended])
        text = text.mark_text(align="right", dx=-away, dy=-8, fontSize=11, color="#333")
        layers.append(text.encode(x=x, y=y, text="layers:N"))
    return alt.layer(*layers).properties(width=width, height=HEIGHT, title=_title(report, name))


def _chart(marks: Sequence[Mark]) -> alt.Chart:
    import altair as alt  # noqa: PLC0415 (an extra)

    return alt.Chart(alt.Data(values=marks))  # type: ignore[no-untyped-call]


def _legends(report: TradeoffReport) -> tuple[alt.Color, alt.Shape]:
    """Colours of the quantizers and shapes of the positions, the same in every panel."""
    import altair as alt  # noqa: PLC0415 (an extra)

    names = quantizer_names(report)
    held = [kind for kind in POSITIONS if any(setting.positions == kind for setting in report.grid)]
    colours = alt.Scale(domain=names, range=[COLOURS[place % len(COLOURS)] for place in range(len(names))])
    shapes = alt.Scale(domain=held, range=[SHAPES[POSITIONS.index(kind)] for kind in held])
    legend = alt.Legend(orient="top", direction="horizontal", symbolOpacity=1)
    return (
        alt.Color("quantizer:N", title="quantizer", scale=colours, sort=names, legend=legend),
        alt.Shape("positions:N", title="positions", scale=shapes, legend=legend),
    )


def _domains(points: Sequence[Point], width: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ends of the axes: log10 of bytes, and per cent."""
    sizes = np.log10([point.size.bytes_per_document for point in points])
    shown = [100 * point.accuracy.mean for point in points]
    shown += [100 * end for point in points if point.on_front for end in point.accuracy_interval]
    across = _widened(sizes.min(), sizes.max(), LABEL_MARGIN / width)
    return across, _widened(min(shown), max(shown))


def _title(report: TradeoffReport, panel: str) -> Any:
    import altair as alt  # noqa: PLC0415 (an extra)

    task = next((task for task in report.tasks if task.name == panel), None)
    if task is None:
        return alt.TitleParams(f"Mean of {len(report.tasks)} tasks", subtitle=KEY)
    text = f"{task.name}: {len(task.train):,} training, {len(task.dev):,} dev documents"
    return alt.TitleParams(text, subtitle=KEY) if len(report.tasks) == 1 else alt.TitleParams(text)


def _widened(low: float, high: float, share_below: float = MARGIN) -> tuple[float, float]:
    span = (high - low) or 1.0
    return low - share_below * span, high + MARGIN * span
