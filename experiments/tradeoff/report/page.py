"""One self-contained HTML page of a report: it fetches nothing and runs nothing but its own two scripts.

A content security policy enforces both, whatever the names of tasks and classes contain.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from encore.experiments.tradeoff.measurement import TaskLabels
from encore.experiments.tradeoff.report.page_panels import legend_of, panels_of
from encore.experiments.tradeoff.report.page_table import head_of, table_rows
from encore.experiments.tradeoff.report.parquet_tables import provenance
from encore.experiments.tradeoff.report.wording import commands, percent, recommendation_text, rising_text
from encore.experiments.tradeoff.run import TradeoffReport
from encore.featurestore.common import counted, human_bytes
from encore.heads import POOLINGS

if TYPE_CHECKING:
    import altair as alt


def build_page(report: TradeoffReport, panels: Iterable[alt.LayerChart]) -> str:
    """The page, with the libraries that draw its panels inlined.

    Args:
        report: what was measured.
        panels: in the order of `panel_names`.
    """
    library = _library()
    script = _template("page.js").substitute(panels=_script_json([panel.to_dict() for panel in panels]))
    names = [task.name for task in report.tasks]
    single, rising = len(names) == 1, rising_text(report)
    return _template("page.html").substitute(
        policy=content_policy(library, script),
        title=escape(", ".join(names)),
        subtitle=escape(subtitle(report)),
        answer=_text(" ".join([recommendation_text(report), *([] if rising is None else [f"Beware: {rising}."])])),
        facts=_facts(report),
        ring="; the ring is the recommended setting" if report.recommendation.chosen else "",
        legend=legend_of(report),
        panels=panels_of(report),
        over="" if single else f", by the mean of {len(names)} tasks",
        head=head_of(report),
        rows=table_rows(report),
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


@cache
def _library() -> str:
    """The libraries that draw charts; to bundle them takes a second."""
    import vl_convert  # noqa: PLC0415 (an extra)

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


def _template(name: str) -> Template:
    return Template(files("encore.experiments.tradeoff.report").joinpath(name).read_text(encoding="utf-8"))


def _text(text: str) -> str:
    """Escaped, and no line break between a number and its unit."""
    return escape(text).replace(" %", "\u00a0%")


def subtitle(report: TradeoffReport) -> str:
    """When and what was measured, in one sentence."""
    spec = report.trials.source.spec
    return (
        f"Trade-off report of {report.finished_at[:10]}: {counted(len(report.grid), 'way')} to store the features of "
        f"{spec.encoder.name or spec.encoder.source}, {counted(len(report.tasks), 'task')}, "
        f"{counted(report.request.seeds, 'classifier')} for each."
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


def _labels(report: TradeoffReport, task: TaskLabels) -> str:
    missing = f"; {task.not_stored:,} labelled documents are not stored" if task.not_stored else ""
    documents = f"{len(task.train):,} documents to train on, {len(task.dev):,} to measure on"
    way = report.poolings(task).get("tokens")
    pooled = "" if way is None else f"; tokens pooled by {POOLINGS[way].label}"
    return f"{len(task.classes)} classes, {documents}{pooled}{missing}"


def _script_json(document: object) -> str:
    """JSON inside a script element: ASCII, and no text in it can end the element."""
    return json.dumps(document).replace("<", "\\u003c")
