"""The page can be read on a telephone and in the dark."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.resources import files

import pytest

from encore.experiments.tradeoff.report.chart import COLOURS, page_panel, panel_names
from encore.experiments.tradeoff.report.page import subtitle
from encore.experiments.tradeoff.report.page_panels import legend_of, panels_of
from encore.experiments.tradeoff.report.page_table import head_of, table_rows
from encore.experiments.tradeoff.run import TradeoffReport

PAGE = files("encore.experiments.tradeoff.report").joinpath("page.html").read_text(encoding="utf-8")
STYLE = PAGE[PAGE.index("<style>") : PAGE.index("</style>")]
VARIABLE = re.compile(r"(--\w+): ([^;]+);")
TELEPHONE = 420
"""Pixels across."""


def grounds() -> tuple[dict[str, str], dict[str, str]]:
    """Variable → value, in the light and in the dark."""
    light = re.search(r"^:root \{(.*)\}$", STYLE, flags=re.MULTILINE)
    dark = re.search(r"^@media \(prefers-color-scheme: dark\) \{ :root \{(.*)\} \}$", STYLE, flags=re.MULTILINE)
    assert light is not None
    assert dark is not None
    return dict(VARIABLE.findall(light[1])), dict(VARIABLE.findall(dark[1]))


def luminance(colour: str) -> float:
    """Relative luminance of #rgb or #rrggbb (WCAG 2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    shares = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_page_is_as_wide_as_the_window() -> None:
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in PAGE
    fixed = re.findall(r"(?<!max-)\b(?:width|min-width|minmax\(|columns): ?\(?(\d+)px", STYLE)
    fixed += re.findall(r"minmax\((\d+)px", STYLE)
    assert fixed
    assert max(map(int, fixed)) < TELEPHONE - 60
    assert "overflow-wrap: anywhere" in STYLE


def test_pictures_are_as_wide_as_their_place(report: TradeoffReport) -> None:
    for name in panel_names(report):
        panel = page_panel(report, name).to_dict()
        assert panel["width"] == "container"
        assert "title" not in panel
        assert {layer["encoding"]["color"]["legend"] for layer in panel["layer"] if "color" in layer["encoding"]} == {
            None
        }


def test_what_is_wider_than_the_window_scrolls_beside_the_names_of_the_settings() -> None:
    assert re.search(r"^\.table \{[^}]*overflow-x: auto", STYLE, flags=re.MULTILINE)
    assert re.search(r"^pre \{[^}]*overflow-x: auto", STYLE, flags=re.MULTILINE)
    assert re.search(r"^#settings th:first-child \{[^}]*position: sticky; left: 0", STYLE, flags=re.MULTILINE)


def test_no_box_cuts_off_a_menu_of_a_picture() -> None:
    assert not [
        rule for rule in re.findall(r"^([^{]+)\{[^}]*overflow(?:-\w)?: ", STYLE, flags=re.MULTILINE) if "plot" in rule
    ]
    assert 'class="card chart"' not in PAGE
    assert re.search(r"\.vega-actions \{[^}]*right: 0;", STYLE)


def test_rules_of_the_table_leave_the_figures_under_the_pointer_alone() -> None:
    assert not re.search(r"^(?:table|t[rhd])\b", STYLE, flags=re.MULTILINE)


def test_every_colour_has_a_light_and_a_dark_form() -> None:
    light, dark = grounds()
    assert light.keys() == dark.keys() == set(re.findall(r"var\((--\w+)\)", STYLE))
    outside = "\n".join(line for line in STYLE.splitlines() if ":root" not in line)
    assert not re.findall(r"(?:color|background|border[\w-]*): [^;]*(?:#[0-9a-f]{3}|white|black)", outside)


def test_texts_and_marks_can_be_told_from_their_ground() -> None:
    for ground in grounds():
        for behind in ("--ground", "--card", "--front", "--chosen"):
            assert contrast(ground["--ink"], ground[behind]) >= 7
            assert contrast(ground["--soft"], ground[behind]) >= 4.5
        assert [colour for colour in COLOURS if contrast(colour, ground["--card"]) < 3] == []


def test_lines_and_texts_of_a_picture_have_the_ink_of_the_page(report: TradeoffReport) -> None:
    config = page_panel(report, panel_names(report)[0]).to_dict()["config"]
    colours = {
        value
        for part in config.values()
        if isinstance(part, dict)
        for name, value in part.items()
        if name.lower().endswith(("color", "stroke"))
    }
    assert colours == {"currentColor"}


def test_the_legend_has_a_button_for_every_quantizer_and_kind_of_positions(report: TradeoffReport) -> None:
    found = re.findall(r'data-pick="(\w+)" value="([^"]+)"', legend_of(report))
    assert found == [("quantizer", "float16"), ("quantizer", "uint8"), ("positions", "tokens"), ("positions", "mean")]


def test_every_panel_has_a_list_of_its_front(report: TradeoffReport) -> None:
    html = panels_of(report)
    assert re.findall(r'id="panel-(\d)"', html) == ["0", "1", "2"]
    for part in html.split("</section>")[:3]:
        lines = re.findall(r"<li[^>]*><b>(\d+|○)</b>([^<]+)<", part)
        assert len(lines) == len({name for _, name in lines}) == len(set(dict(lines))) > 0
        assert part.count("recommended") == 1


def test_the_table_has_a_name_to_sort_by_for_every_figure(report: TradeoffReport) -> None:
    names = head_of(report).count("<button")
    assert {row.count("<data") for row in table_rows(report).splitlines()} == {names}


@pytest.mark.parametrize(("seeds", "words"), [(1, "1 classifier for each"), (2, "2 classifiers for each")])
def test_one_classifier_is_singular(seeds: int, words: str, report: TradeoffReport) -> None:
    assert words in subtitle(replace(report, request=replace(report.request, seeds=seeds)))
