"""A panel of the picture: accuracy against bytes a document, over all tasks or for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from encore.experiments.tradeoff.report.marks import (
    TOOLTIP,
    Mark,
    front_of,
    log_ticks,
    marks_of,
    numbered,
    quantizer_names,
)
from encore.experiments.tradeoff.run import TradeoffReport
from encore.featurestore.spec import POSITIONS

if TYPE_CHECKING:
    import altair as alt

WIDTH, HEIGHT = 470, 320
"""Pixels of a task's panel in the picture; the one over all tasks is as wide as two."""
NARROWEST = 270
"""Pixels of a panel on a telephone."""
MARGIN = 0.04
"""Room around the points, as a share of what they span."""
NUMBER_MARGIN = 0.1
"""The same to the left of the smallest setting, whose number stands there."""

COLOURS = (
    "#2f74c0",
    "#1f998a",
    "#6f9414",
    "#c9820a",
    "#d1493e",
    "#9a62c9",
    "#7d858d",
    "#d5589b",
    "#2c9cc9",
    "#a8703a",
)
"""Of the quantizers: all can be told from white and from the page's dark ground."""
PAGE_INK = "currentColor"
"""What the page's style says, which follows the reader's choice of light or dark."""
SHAPES = ("circle", "square", "triangle-up")
"""Of the positions, in the order of `encore.featurestore.spec.POSITIONS`: tokens, cls, mean."""
PICKS = ("quantizer", "positions")
"""Fields of a mark by which the page selects marks, and names of the parameters that hold the selection."""


def panel_names(report: TradeoffReport) -> list[str]:
    """The panel over all tasks, then those of the tasks; or the only one."""
    names = list(dict.fromkeys(point.panel for point in report.points))
    return [names[-1], *names[:-1]]


def colours_of(report: TradeoffReport) -> dict[str, str]:
    """Quantizer → its colour, the same in every panel."""
    names = quantizer_names(report)
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}


def shapes_of(report: TradeoffReport) -> dict[str, str]:
    """Positions that the grid has → their shape."""
    held = {setting.positions for setting in report.grid}
    return {kind: shape for kind, shape in zip(POSITIONS, SHAPES, strict=True) if kind in held}


def page_panel(report: TradeoffReport, name: str) -> alt.LayerChart:
    """A panel for the page: as wide as its place, in the page's ink, with tooltips and marks that can be picked out."""
    import altair as alt  # noqa: PLC0415 (an extra, which nothing but the picture takes)

    picks = [alt.param(name=field, value="") for field in PICKS]
    picked = " && ".join(f"(!{field} || datum.{field} === {field})" for field in PICKS)
    dots = {
        "opacity": alt.condition(picked, alt.value(1), alt.value(0.08)),
        "tooltip": [alt.Tooltip(f"{field}:N", title=title) for field, title in TOOLTIP.items()],
    }
    found = panel(report, name, "container", PAGE_INK, None, dots).add_params(*picks)
    return configured(found, PAGE_INK)  # type: ignore[no-any-return]


def panel(
    report: TradeoffReport,
    name: str,
    width: int | Literal["container"],
    ink: str,
    legend: alt.Legend | None,
    dots: dict[str, Any] | None = None,
) -> alt.LayerChart:
    """Front, intervals, points and the numbers of the front.

    Args:
        report: what was measured.
        name: of the panel.
        width: pixels, or as wide as the element that it is drawn into.
        ink: of the ring around what is recommended.
        legend: of colours and shapes.
        dots: further encodings of the points.
    """
    import altair as alt  # noqa: PLC0415 (an extra)

    marks = marks_of(report, name)
    x_domain, y_domain = _domains(marks)
    x = alt.X(
        "bytes:Q",
        title="bytes a document (log scale)",
        scale=alt.Scale(type="log", domain=[10 ** x_domain[0], 10 ** x_domain[1]], nice=False),
        axis=alt.Axis(format="~s", values=log_ticks(x_domain), labelOverlap="greedy", labelSeparation=6),
    )
    scale = alt.Scale(domain=list(y_domain), zero=False, nice=False)
    y = alt.Y("accuracy:Q", title="accuracy, % of dev documents", scale=scale)
    colour = alt.Color("quantizer:N", title="quantizer", scale=_scale(colours_of(report)), legend=legend)
    shape = alt.Shape("positions:N", title="positions", scale=_scale(shapes_of(report)), legend=legend)
    front = _chart(front_of(marks))
    layers = [
        front.mark_line(interpolate="step-after", color="#777", strokeWidth=1.4).encode(x=x, y=y, order="bytes:Q"),
        front.mark_rule(strokeWidth=1.6, opacity=0.55).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour),
    ]
    # Draw the ring below the points: above a point it would catch the pointer.
    ringed = [each for each in marks if each["recommended"]]
    if ringed:
        ring = _chart(ringed).mark_point(size=330, stroke=ink, strokeWidth=2.2, filled=False)
        layers.append(ring.encode(x=x, y=y))
    points = _chart(marks).mark_point(filled=True, size=64, stroke="white", strokeWidth=0.6)
    layers.append(points.encode(x=x, y=y, color=colour, shape=shape, **(dots or {})))
    numbers = _chart(numbered(marks, x_domain, y_domain, (NARROWEST, HEIGHT)))
    text = numbers.mark_text(
        align="right", dx=alt.expr("-datum.away"), dy=alt.expr("-7 - datum.rise"), fontSize=12, fontWeight="bold"
    )
    layers.append(text.encode(x=x, y=y, text="number:N"))
    return alt.LayerChart(layer=layers).properties(width=width, height=HEIGHT)


def configured(chart: Any, ink: str) -> Any:
    """A chart with our fonts, all of its lines and texts in one ink."""
    return (
        chart.configure(font="Helvetica, Arial, sans-serif", background="white")
        .configure_view(stroke=ink, strokeOpacity=0.2)
        .configure_axis(
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            labelColor=ink,
            titleColor=ink,
            gridColor=ink,
            gridOpacity=0.1,
            domainColor=ink,
            domainOpacity=0.4,
            tickColor=ink,
            tickOpacity=0.4,
        )
        .configure_text(color=ink)
    )


def _scale(of_names: dict[str, str]) -> Any:
    import altair as alt  # noqa: PLC0415 (an extra)

    return alt.Scale(domain=list(of_names), range=list(of_names.values()))


def _chart(marks: Sequence[Mark]) -> alt.Chart:
    import altair as alt  # noqa: PLC0415 (an extra)

    return alt.Chart(alt.Data(values=marks))  # type: ignore[no-untyped-call]


def _domains(marks: Sequence[Mark]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ends of the axes: log10 of bytes, and per cent."""
    sizes = np.log10([each["bytes"] for each in marks])
    shown = [each["accuracy"] for each in marks]
    shown += [each[end] for each in front_of(marks) for end in ("low", "high")]
    return _widened(sizes.min(), sizes.max(), NUMBER_MARGIN), _widened(min(shown), max(shown))


def _widened(low: float, high: float, share_below: float = MARGIN) -> tuple[float, float]:
    span = (high - low) or 1.0
    return low - share_below * span, high + MARGIN * span
