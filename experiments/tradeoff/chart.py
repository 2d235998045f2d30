"""The picture: accuracy against bytes a document, one panel a task."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.tradeoff.run import TradeoffReport
from experiments.tradeoff.summary import Point
from experiments.tradeoff.wording import human_bytes
from featurestore import UsageError
from featurestore.quantizers import parse_quantizer
from featurestore.spec import POSITIONS

if TYPE_CHECKING:
    import altair as alt

WIDTH, HEIGHT = 440, 330
"""Pixels of one panel."""
COLUMNS = 2
LABEL_ROOM = (64, 15)
"""Pixels that a label of the front takes, across and down."""
MARGIN = 0.04
"""Room around the points, as a share of what they span."""

COLOURS = ("#1b4f8a", "#2f9e8f", "#7a9a1e", "#e09f1f", "#c8463c", "#7b4fa3", "#5c5c5c", "#d277a8", "#58a6d6", "#8a5a2b")
SHAPES = ("circle", "square", "triangle-up")
"""Of the positions, in the order of `featurestore.spec.POSITIONS`: tokens, cls, mean."""


def require_report_extra() -> None:
    """Raise UsageError where what draws and renders the picture is not installed."""
    missing = [name for name in ("altair", "vl_convert") if find_spec(name) is None]
    if missing:
        raise UsageError(f'tradeoff: {" and ".join(missing)} not installed; pip install "encore-featurestore[report]"')


def build_chart(report: TradeoffReport, *, interactive: bool) -> alt.ConcatChart:
    """The picture of a report.

    Args:
        report: what was measured.
        interactive: with tooltips, and legends that pick out what is clicked.
    """
    import altair as alt  # noqa: PLC0415 (an extra, which nothing but the picture takes)

    quantizers = _quantizers(report)
    picks = [alt.selection_point(fields=[name], bind="legend") for name in ("quantizer", "positions")]
    panels = [
        _panel(report, panel, quantizers, picks if interactive else [])
        for panel in dict.fromkeys(point.panel for point in report.points)
    ]
    chart = alt.concat(*panels, columns=COLUMNS, spacing={"row": 36, "column": 44})
    return (
        chart.configure(font="Helvetica, Arial, sans-serif", background="white")
        .configure_view(stroke="#d5d5d5")
        .configure_axis(
            labelFontSize=12, titleFontSize=12, titleFontWeight="normal", gridColor="#ececec", labelColor="#333"
        )
        .configure_title(fontSize=15, anchor="start", offset=10)
        .configure_legend(titleFontSize=12, labelFontSize=12, symbolSize=90, titleLimit=240)
    )


def png_of(chart: alt.ConcatChart, scale: float = 1.6) -> bytes:
    """The picture as PNG; ``scale`` pixels for each of the chart's."""
    import vl_convert  # noqa: PLC0415 (an extra)

    return bytes(vl_convert.vegalite_to_png(chart.to_dict(), scale=scale))


def _panel(report: TradeoffReport, name: str, quantizers: Sequence[str], picks: Sequence[Any]) -> alt.LayerChart:
    import altair as alt  # noqa: PLC0415

    points = [point for point in report.points if point.panel == name]
    chosen = report.recommendation.chosen
    rows = [_row(report, point) for point in points]
    sizes = np.array([point.size.bytes_per_document for point in points])
    ends = np.array([point.accuracy_interval for point in points if point.on_front] or [[0.0, 1.0]])
    means = np.array([point.accuracy.mean for point in points])
    x_domain = _widened(np.log10(sizes.min()), np.log10(sizes.max()))
    y_domain = _widened(100 * min(ends.min(), means.min()), 100 * max(ends.max(), means.max()))
    x = alt.X(
        "bytes:Q",
        title="bytes a document (log scale)",
        scale=alt.Scale(type="log", domain=[10**end for end in x_domain], nice=False),
        axis=alt.Axis(format="~s", tickCount=6),
    )
    y = alt.Y(
        "accuracy:Q",
        title="accuracy, % of dev documents",
        scale=alt.Scale(domain=list(y_domain), zero=False, nice=False),
    )
    colour = alt.Color(
        "quantizer:N",
        title="quantizer",
        scale=alt.Scale(domain=list(quantizers), range=[COLOURS[i % len(COLOURS)] for i in range(len(quantizers))]),
        sort=list(quantizers),
    )
    held = [kind for kind in POSITIONS if any(point.setting.positions == kind for point in points)]
    shape = alt.Shape(
        "positions:N",
        title="positions",
        scale=alt.Scale(domain=held, range=[SHAPES[POSITIONS.index(kind)] for kind in held]),
    )
    whole = alt.Chart(alt.Data(values=rows))
    front = alt.Chart(alt.Data(values=[row for row in rows if row["on_front"]]))
    line = front.mark_line(interpolate="step-after", color="#777", strokeWidth=1.4).encode(x=x, y=y, order="bytes:Q")
    bars = front.mark_rule(strokeWidth=1.6, opacity=0.55).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour)
    dots = whole.mark_point(filled=True, size=64, stroke="white", strokeWidth=0.6).encode(
        x=x,
        y=y,
        color=colour,
        shape=shape,
        opacity=_opacity(alt, picks),
        tooltip=[alt.Tooltip(f"{field}:N", title=title) for field, title in TOOLTIP.items()]
        if picks
        else alt.Undefined,
    )
    labels = (
        alt.Chart(alt.Data(values=_labels(rows, x_domain, y_domain)))
        .mark_text(align="right", dx=-7, dy=-8, fontSize=11, color="#333")
        .encode(x=x, y=y, text="layers:N")
    )
    layers = [line, bars, dots, labels]
    if chosen is not None:
        ring = alt.Chart(alt.Data(values=[row for row in rows if row["recommended"]]))
        layers.append(ring.mark_point(size=330, stroke="black", strokeWidth=2.2, filled=False).encode(x=x, y=y))
    if picks:
        layers[2] = dots.add_params(*picks)
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, title=_title(report, name))


TOOLTIP = {
    "setting": "setting",
    "accuracy_text": "accuracy",
    "loss_text": "below the best",
    "bytes_text": "a document",
    "projected_text": "whole store",
    "note": "note",
}
"""Field → what the tooltip calls it."""


def _opacity(alt: Any, picks: Sequence[Any]) -> Any:
    if not picks:
        return alt.value(0.95)
    return alt.condition(picks[0] & picks[1], alt.value(0.95), alt.value(0.08))


def _row(report: TradeoffReport, point: Point) -> dict[str, Any]:
    low, high = point.accuracy_interval
    loss_low, loss_high = (100 * end for end in point.loss.interval)
    chosen = report.recommendation.chosen
    recommended = chosen is not None and point.setting == chosen.setting
    notes = [text for text, holds in (("recommended", recommended), ("on the front", point.on_front)) if holds]
    return {
        "setting": point.setting.name,
        "layers": point.setting.layers,
        "positions": point.setting.positions,
        "quantizer": point.setting.quantizer_name,
        "bytes": point.size.bytes_per_document,
        "accuracy": 100 * point.accuracy.mean,
        "low": 100 * low,
        "high": 100 * high,
        "on_front": point.on_front,
        "recommended": recommended,
        "accuracy_text": f"{point.accuracy.mean:.1%} (95 % interval {low:.1%} to {high:.1%})",
        "loss_text": f"{100 * point.loss.mean:.2f} points ({loss_low:.2f} to {loss_high:.2f})",
        "bytes_text": f"{human_bytes(point.size.bytes_per_document)}, {human_bytes(point.size.payload)} of it features",
        "projected_text": f"{human_bytes(report.projected_bytes(point))} for {report.documents:,} documents",
        "note": ", ".join(notes) or "another setting is smaller and no less accurate",
    }


def _quantizers(report: TradeoffReport) -> list[str]:
    """Names of the quantizers of the grid, the most bits first."""
    width = report.bench.source.spec.width
    names = {setting.quantizer_name: setting.quantizer for setting in report.grid}
    return sorted(names, key=lambda name: -parse_quantizer(names[name]).bytes_per_vector(width))


def _title(report: TradeoffReport, panel: str) -> str:
    task = next((task for task in report.tasks if task.name == panel), None)
    if task is None:
        return f"Mean of {len(report.tasks)} tasks"
    return f"{task.name}: {len(task.train):,} training, {len(task.dev):,} dev documents"


def _widened(low: float, high: float) -> tuple[float, float]:
    room = MARGIN * (high - low) or 0.5
    return low - room, high + room


def _labels(
    rows: Sequence[dict[str, Any]], x_domain: tuple[float, float], y_domain: tuple[float, float]
) -> list[dict[str, Any]]:
    """The front's points that can be labelled without labels running into each other; the most accurate come first.

    To the upper left of a point of the front there is no other point.
    """
    placed: list[tuple[float, float]] = []
    kept = []
    front = (row for row in rows if row["on_front"])
    for row in sorted(front, key=lambda row: (not row["recommended"], -row["accuracy"])):
        across = (np.log10(row["bytes"]) - x_domain[0]) / (x_domain[1] - x_domain[0]) * WIDTH
        down = (y_domain[1] - row["accuracy"]) / (y_domain[1] - y_domain[0]) * HEIGHT
        if all(abs(across - x) >= LABEL_ROOM[0] or abs(down - y) >= LABEL_ROOM[1] for x, y in placed):
            placed.append((across, down))
            kept.append(row)
    return kept
