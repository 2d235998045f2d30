"""The page runs its own two scripts and nothing else, whatever the names in it say."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from encore.experiments.tradeoff.report import page
from encore.experiments.tradeoff.report.chart import page_panel, panel_names
from encore.experiments.tradeoff.report.page import build_page, content_policy
from encore.experiments.tradeoff.run import TradeoffReport

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

pytestmark = pytest.mark.usefixtures("bundled_once")

EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(2)">\'&amp;<!--\u2028</title></p></td>'
"""Ends the element that it stands in, begins others, and holds a reference that must not be resolved."""


class PageContent(HTMLParser):
    """Elements with their attributes in order, the texts between them, and the scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.ended: list[str] = []
        self.scripts: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.ended.append(tag)

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "script" and len(self.scripts) < self.count("script"):
            self.scripts.append(data)
        else:
            self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)

    @property
    def shape(self) -> tuple[object, ...]:
        """What a name must not change: all but the hashes of the scripts."""
        return [(tag, [] if tag == "meta" else attrs) for tag, attrs in self.elements], self.ended

    @property
    def policy(self) -> dict[str, list[str]]:
        """Directive → sources."""
        (content,) = [
            dict(attrs)["content"]
            for tag, attrs in self.elements
            if tag == "meta" and len(attrs) == 2 and dict(attrs).get("http-equiv") == "Content-Security-Policy"
        ]
        assert content is not None
        return {words[0]: words[1:] for words in map(str.split, content.split(";"))}


class Panel:
    """A panel of these names."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def to_dict(self) -> dict[str, Any]:
        return {"names": list(self.names)}


def built(report: TradeoffReport) -> PageContent:
    return PageContent(build_page(report, [Panel("a name")]))  # type: ignore[arg-type]


@pytest.fixture
def small_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library itself takes a second to make."""
    monkeypatch.setattr("vl_convert.javascript_bundle", lambda _: "library();")


def test_the_page_allows_its_two_scripts_by_their_hashes_and_nothing_to_be_fetched(report: TradeoffReport) -> None:
    seen = PageContent(build_page(report, [page_panel(report, name) for name in panel_names(report)]))
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(it.encode()).digest()).decode()}'" for it in seen.scripts]
    assert len(hashes) == 2
    assert seen.policy == {
        "default-src": ["'none'"],
        "style-src": ["'unsafe-inline'"],
        "script-src": [*hashes, "'unsafe-eval'"],
        "img-src": ["data:", "blob:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }


@pytest.mark.usefixtures("small_library")
def test_the_policy_stands_before_all_that_it_rules(report: TradeoffReport) -> None:
    seen = built(report)
    assert [tag for tag, _ in seen.elements[:5]] == ["html", "head", "meta", "meta", "meta"]
    assert dict(seen.elements[4][1])["http-equiv"] == "Content-Security-Policy"
    assert not [name for _, attrs in seen.elements for name, _ in attrs if name.startswith("on") or name == "style"]


def test_another_script_has_another_hash() -> None:
    assert content_policy("a", "b") != content_policy("a", "c")


@pytest.mark.usefixtures("small_library")
def test_no_text_of_a_panel_ends_its_script(report: TradeoffReport) -> None:
    seen = PageContent(build_page(report, [Panel(EVIL)]))  # type: ignore[arg-type]
    assert seen.shape == built(report).shape
    spec = re.search(r" of (\[.*\])\.entries\(\)", seen.scripts[1])
    assert spec is not None
    assert json.loads(spec[1]) == [{"names": [EVIL]}]
    assert spec[1].isascii()
    assert "<" not in spec[1]


def test_the_library_holds_nothing_that_a_parser_of_pages_reads_otherwise(report: TradeoffReport) -> None:
    library = built(report).scripts[0]
    assert len(library) > 100_000
    assert not [sign for sign in ("</script", "<!--", "<script", "\r", "\0") if sign in library.lower()]


def _request(**changed: Any) -> Callable[[TradeoffReport], TradeoffReport]:
    return lambda report: replace(report, request=replace(report.request, **changed))


def _chosen(**changed: str) -> Callable[[TradeoffReport], TradeoffReport]:
    def change(report: TradeoffReport) -> TradeoffReport:
        def renamed(point: Any) -> Any:
            return (
                replace(point, setting=replace(point.setting, **changed)) if point.setting == chosen.setting else point
            )

        chosen = report.recommendation.chosen
        assert chosen is not None
        recommendation = replace(
            report.recommendation, chosen=renamed(chosen), best=renamed(report.recommendation.best)
        )
        return replace(report, points=tuple(map(renamed, report.points)), recommendation=recommendation)

    return change


def _task(report: TradeoffReport) -> TradeoffReport:
    first, *others = report.tasks
    name = first.name

    def renamed(point: Any) -> Any:
        return replace(point, panel=EVIL) if point.panel == name else point

    tasks = (replace(first, files=replace(first.files, task=EVIL)), *others)
    return replace(report, tasks=tasks, points=tuple(map(renamed, report.points)))


@pytest.mark.usefixtures("small_library")
@pytest.mark.parametrize(
    ("change", "times"),
    [
        (_request(store=EVIL), 3),
        (_chosen(layers=EVIL), 3),
        (_chosen(positions=EVIL), 3),
        (_task, 4),
        (lambda report: replace(report, finished_at=EVIL), 2),
    ],
    ids=["store", "layers", "positions", "task", "time"],
)
def test_no_name_of_a_report_makes_an_element(
    change: Callable[[TradeoffReport], TradeoffReport], times: int, report: TradeoffReport
) -> None:
    evil = change(report)
    seen = built(evil)
    assert seen.shape == built(report).shape
    assert seen.text.count(EVIL[:10]) >= times


@pytest.mark.usefixtures("small_library")
def test_no_name_of_an_encoder_makes_an_element(report: TradeoffReport, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = built(report)
    spec = report.trials.source.spec
    source = replace(report.trials.source, spec=replace(spec, encoder=replace(spec.encoder, name=EVIL)))
    monkeypatch.setitem(vars(report.trials), "source", source)
    seen = built(report)
    assert seen.shape == plain.shape
    assert seen.text.count(EVIL) == 2


@pytest.mark.usefixtures("small_library")
@pytest.mark.parametrize("what", ["left_out", "versions", "commands", "recommendation_text"])
def test_no_words_of_a_report_make_an_element(
    what: str, report: TradeoffReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = built(report)
    if what == "left_out":
        monkeypatch.setattr(TradeoffReport, "left_out", "x")
        plain = built(report)
        monkeypatch.setattr(TradeoffReport, "left_out", EVIL)
    elif what == "versions":
        monkeypatch.setattr(TradeoffReport, "versions", {EVIL: EVIL})
    else:
        monkeypatch.setattr(page, what, lambda _: EVIL if what == "recommendation_text" else (EVIL,))
    seen = built(report)
    assert seen.shape == plain.shape
    assert EVIL in seen.text
