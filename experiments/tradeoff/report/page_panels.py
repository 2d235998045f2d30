"""The page's legend, and a place for every panel with the list of its front."""

from __future__ import annotations

from html import escape

from encore.experiments.tradeoff.report.chart import PICKS, colours_of, panel_names, shapes_of
from encore.experiments.tradeoff.report.marks import Mark, listed, marks_of
from encore.experiments.tradeoff.report.wording import panel_title
from encore.experiments.tradeoff.run import TradeoffReport

DRAWN = {
    "circle": '<circle r="5"{fill}/>',
    "square": '<rect x="-4.5" y="-4.5" width="9" height="9"{fill}/>',
    "triangle-up": '<path d="M0-5L5 4.5H-5Z"{fill}/>',
}
"""A mark's shape → how the legend draws it."""


def legend_of(report: TradeoffReport) -> str:
    """Buttons that pick marks out in all panels: a line of quantizers, a line of positions."""
    signs = {
        "quantizer": {name: DRAWN["circle"].format(fill=f' fill="{it}"') for name, it in colours_of(report).items()},
        "positions": {name: DRAWN[it].format(fill=' fill="currentColor"') for name, it in shapes_of(report).items()},
    }
    return "\n".join(
        f'<div class="legend" role="group"><span>{field}</span>{_buttons(field, signs[field])}</div>' for field in PICKS
    )


def panels_of(report: TradeoffReport) -> str:
    """Title, place and list of every panel; that over all tasks comes first."""
    return "\n".join(
        f'<section class="panel"><h3>{escape(panel_title(report, name))}</h3>\n'
        f'<div class="plot" id="panel-{place}"></div>\n'
        f'<ul class="listed">{"".join(map(_line, listed(marks_of(report, name))))}</ul></section>'
        for place, name in enumerate(panel_names(report))
    )


def _buttons(field: str, signs: dict[str, str]) -> str:
    return "".join(
        f'<button type="button" aria-pressed="false" data-pick="{field}" value="{escape(name)}">'
        f'<svg viewBox="-6 -6 12 12" aria-hidden="true">{sign}</svg>{escape(name)}</button>'
        for name, sign in signs.items()
    )


def _line(mark: Mark) -> str:
    kind, note = (' class="chosen"', ", recommended") if mark["recommended"] else ("", "")
    figures = mark["listed_text"].replace(" ", "\u00a0").replace(",\u00a0", ", ")
    return (
        f"<li{kind}><b>{mark['number'] or '○'}</b>{escape(mark['setting'])} "
        f'<span class="soft">{escape(figures)}{note}</span></li>'
    )
