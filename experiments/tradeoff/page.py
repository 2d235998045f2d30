"""One self-contained HTML page of a report: it fetches nothing and runs nothing but its own two scripts.

A content security policy sees to both, whatever the names in it say.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from experiments.tradeoff.label_options import LabelledTask
from experiments.tradeoff.run import TradeoffReport
from experiments.tradeoff.summary import MEAN, Point, overall
from experiments.tradeoff.tables import provenance
from experiments.tradeoff.wording import commands, human_bytes, percent, recommendation_text

if TYPE_CHECKING:
    import altair as alt

TASK_COLUMNS = 4
"""Tasks up to which the table has a column for each; settings.parquet has any number."""


def build_page(report: TradeoffReport, chart: alt.VConcatChart) -> str:
    """The page, with the libraries that draw the chart inlined."""
    import vl_convert  # noqa: PLC0415 (an extra)

    library = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    script = _template("page.js").substitute(spec=_script_json(chart.to_dict()))
    names = [task.name for task in report.tasks]
    single = len(names) == 1
    return _template("page.html").substitute(
        policy=content_policy(library, script),
        title=escape(", ".join(names)),
        subtitle=escape(_subtitle(report)),
        answer=_text(recommendation_text(report)),
        facts=_facts(report),
        ring="the black ring is the recommended setting." if report.recommendation.chosen else "",
        over="" if single else f", by the mean of {len(names)} tasks",
        head=_head(report),
        rows="\n".join(_row(report, point) for point in _by_size(report)),
        commands=_commands(report),
        facts_list=_provenance(report),
        library=library,
        script=script,
    )


def content_policy(*scripts: str) -> str:
    """What the page may do: draw inline styles and pictures of its own making, and run these scripts.

    The library compiles the expressions of a chart, which takes ``unsafe-eval``.
    """
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed} 'unsafe-eval'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _template(name: str) -> Template:
    return Template(files("experiments.tradeoff").joinpath(name).read_text(encoding="utf-8"))


def _text(text: str) -> str:
    """Escaped, and no line break between a number and its unit."""
    return escape(text).replace(" %", "\u00a0%")


def _subtitle(report: TradeoffReport) -> str:
    spec = report.bench.source.spec
    return (
        f"Trade-off report of {report.finished_at[:10]}: {len(report.grid)} ways to store the features of "
        f"{spec.encoder.name or spec.encoder.source}, {len(report.tasks)} task{'s' * (len(report.tasks) > 1)}, "
        f"{report.request.seeds} classifiers for each."
    )


def _facts(report: TradeoffReport) -> str:
    point, best = report.recommendation.chosen, report.recommendation.best
    if point is None:
        return ""
    low, high = point.accuracy_interval
    facts = [
        (human_bytes(point.size.bytes_per_document), "a document"),
        (human_bytes(report.projected_bytes(point)), f"for {report.documents:,} documents"),
        (f"{percent(point.accuracy.mean)}", f"accuracy (95 % interval {percent(low)} to {percent(high)})"),
    ]
    if point.setting != best.setting:
        share = best.size.bytes_per_document / point.size.bytes_per_document
        facts.append((f"{100 * point.loss.mean:.1f} points", "below the most accurate setting"))
        facts.append((f"{share:.1f} ×", "smaller than the most accurate setting"))
    boxes = "".join(f'<div class="card fact"><b>{value}</b><span>{name}</span></div>' for value, name in facts)
    return f'<div class="facts">{boxes}</div>'


def _by_size(report: TradeoffReport) -> list[Point]:
    return sorted(overall(report.points), key=lambda point: (point.size.bytes_per_document, -point.accuracy.mean))


def _task_columns(report: TradeoffReport) -> list[str]:
    names = [task.name for task in report.tasks]
    return names if overall(report.points)[0].panel == MEAN and len(names) <= TASK_COLUMNS else []


def _head(report: TradeoffReport) -> str:
    texts = [f'<th class="text">{name}</th>' for name in ("layers", "positions", "quantizer")]
    numbers = ["a document", f"{report.documents:,} documents", "accuracy", "95 % interval", "loss, points"]
    names = [*numbers, "95 % interval", *_task_columns(report)]
    return "".join([*texts, *(f"<th>{escape(name)}</th>" for name in names)])


def _row(report: TradeoffReport, point: Point) -> str:
    chosen = report.recommendation.chosen
    recommended = chosen is not None and point.setting == chosen.setting
    low, high = point.accuracy_interval
    loss_low, loss_high = (100 * end for end in point.loss.interval)
    by_task = {other.panel: other for other in report.points if other.setting == point.setting}
    texts = (point.setting.layers, point.setting.positions, point.setting.quantizer_name)
    cells = [
        (point.size.bytes_per_document, human_bytes(point.size.bytes_per_document)),
        (report.projected_bytes(point), human_bytes(report.projected_bytes(point))),
        (point.accuracy.mean, f"{percent(point.accuracy.mean)}"),
        (low, f"<small>{percent(low)} to {percent(high)}</small>"),
        (point.loss.mean, f"{100 * point.loss.mean:.2f}"),
        (loss_low, f"<small>{loss_low:.2f} to {loss_high:.2f}</small>"),
        *((by_task[name].accuracy.mean, f"{percent(by_task[name].accuracy.mean)}") for name in _task_columns(report)),
    ]
    kind = "chosen" if recommended else "front" if point.on_front else ""
    return (
        f'<tr class="{kind}">'
        + "".join(f'<td class="text">{escape(text)}</td>' for text in texts)
        + "".join(f'<td data-value="{value:.9g}">{text}</td>' for value, text in cells)
        + "</tr>"
    )


def _commands(report: TradeoffReport) -> str:
    lines = commands(report)
    if not lines:
        return ""
    text = escape("\n".join(lines))
    return (
        "<h2>The commands that carry it out</h2>\n"
        f"<p>The last one encodes a corpus the same way from the start.</p>\n<pre>{text}</pre>"
    )


def _provenance(report: TradeoffReport) -> str:
    found = provenance(report)
    pairs = [
        ("command", f"<code>{escape(str(found['command']))}</code>"),
        ("store", escape(f"{found['store']}, snapshot {found['snapshot']}: {found['stored']}")),
        ("fingerprint", f"<code>{found['fingerprint']}</code>"),
        ("encoder", escape(str(found["encoder"]))),
        ("documents", _lengths(report)),
        *((f"task {escape(task.name)}", _labels(report, task)) for task in report.tasks),
        *(() if report.left_out is None else (("left out", escape(report.left_out)),)),
        ("seeds", ", ".join(map(str, range(report.request.seeds)))),
        ("classifiers", f"{len(report.grid) * report.request.seeds * len(report.tasks):,}, trained one by one"),
        ("versions", escape(", ".join(f"{name} {number}" for name, number in report.versions.items()))),
        ("finished", escape(report.finished_at)),
    ]
    return "\n".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in pairs)


def _lengths(report: TradeoffReport) -> str:
    sizes = report.sizes
    return (
        f"{sizes.documents:,} stored; on average {sizes.rows:.1f} rows and {sizes.index_bytes:.0f} bytes of index and "
        "metadata each. Sizes are before lossless compression, which makes some of them smaller"
    )


POOLED = {"attention": "by attention", "pair": "by attention over each text of a pair"}
"""How a head pools tokens, in words; of stored ``cls`` and ``mean`` there is nothing left to pool."""


def _labels(report: TradeoffReport, task: LabelledTask) -> str:
    missing = f"; {task.not_stored:,} labelled documents are not stored" if task.not_stored else ""
    documents = f"{len(task.train):,} documents to train on, {len(task.dev):,} to measure on"
    way = report.poolings(task).get("tokens")
    pooled = "" if way is None else f"; tokens pooled {POOLED[way]}"
    return f"{len(task.classes)} classes, {documents}{pooled}{missing}"


def _script_json(document: object) -> str:
    """JSON inside a script element: ASCII, and no text in it can end the element."""
    return json.dumps(document).replace("<", "\\u003c")
