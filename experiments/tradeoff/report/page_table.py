"""The page's table of all settings."""

from __future__ import annotations

from html import escape

from encore.experiments.tradeoff.report.wording import percent
from encore.experiments.tradeoff.run import TradeoffReport
from encore.experiments.tradeoff.summary import MEAN, Point, front_numbers, overall
from encore.featurestore.common import human_bytes

MAX_TASK_COLUMNS = 4
"""Tasks up to which the table has a column for each; settings.parquet has any number."""


def head_of(report: TradeoffReport) -> str:
    """The row of names: as many buttons, in the same order, as a row of figures has ``data`` elements."""
    axes = " · ".join(_button(name) for name in ("layers", "positions", "quantizer"))
    numbers = ["a document", f"{report.documents:,} documents", "accuracy", "95 % interval", "loss, points"]
    names = [*numbers, "95 % interval", *_task_columns(report)]
    return "".join([f"<th>{axes}</th>", *(f"<th>{_button(name)}</th>" for name in names)])


def table_rows(report: TradeoffReport) -> str:
    """Every setting, the smallest first."""
    points = overall(report.points)
    numbers = front_numbers(points)
    by_size = sorted(points, key=lambda point: (point.size.bytes_per_document, -point.accuracy.mean))
    return "\n".join(_row(report, point, numbers.get(point.setting)) for point in by_size)


def _row(report: TradeoffReport, point: Point, number: int | None) -> str:
    chosen = report.recommendation.chosen
    recommended = chosen is not None and point.setting == chosen.setting
    low, high = point.accuracy_interval
    loss_low, loss_high = (100 * end for end in point.loss.interval)
    by_task = {other.panel: other for other in report.points if other.setting == point.setting}
    axes = (point.setting.layers, point.setting.positions, point.setting.quantizer_name)
    figures = [
        (point.size.bytes_per_document, human_bytes(point.size.bytes_per_document)),
        (report.projected_bytes(point), human_bytes(report.projected_bytes(point))),
        (point.accuracy.mean, percent(point.accuracy.mean)),
        (low, f"<small>{percent(low)} to {percent(high)}</small>"),
        (point.loss.mean, f"{100 * point.loss.mean:.2f}"),
        (loss_low, f"<small>{loss_low:.2f} to {loss_high:.2f}</small>"),
        *((by_task[name].accuracy.mean, percent(by_task[name].accuracy.mean)) for name in _task_columns(report)),
    ]
    kind = "chosen" if recommended else "front" if point.on_front else ""
    place = "" if number is None else f"<b>{number}</b> "
    setting = " · ".join(f"<data>{escape(text)}</data>" for text in axes)
    cells = "".join(f'<td><data value="{value:.9g}">{text}</data></td>' for value, text in figures)
    return f'<tr class="{kind}"><th scope="row">{place}{setting}</th>{cells}</tr>'


def _task_columns(report: TradeoffReport) -> list[str]:
    names = [task.name for task in report.tasks]
    return names if overall(report.points)[0].panel == MEAN and len(names) <= MAX_TASK_COLUMNS else []


def _button(name: str) -> str:
    return f'<button type="button">{escape(name)}</button>'
