"""What is shown of a result, on a line and on a page."""

from __future__ import annotations

from html.parser import HTMLParser

from encore.featurestore.summary import Summary

HOSTILE = "<script>alert('x')</script>\x1b[31m\n"
SHOWN = Summary(
    kind="Evaluation",
    name="of 3 documents",
    facts=("accuracy 0.5", "macro F1 0.4"),
    rows=(("accuracy", 0.5), ("majority class", "0.3333")),
    columns=("class", "documents"),
    table=(("even", 1), ("odd", "1,200")),
)


class Page(HTMLParser):
    """Tags and texts of a page; sees that tags are closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_line_names_the_kind_and_the_facts() -> None:
    assert SHOWN.line() == "<Evaluation of 3 documents: accuracy 0.5, macro F1 0.4>"
    assert Summary("Store", "s@1").line() == "<Store s@1>"


def test_a_text_has_its_columns_below_each_other() -> None:
    assert SHOWN.text().splitlines() == [
        "Evaluation of 3 documents",
        "accuracy        0.5",
        "majority class  0.3333",
        "class  documents",
        "even   1",
        "odd    1,200",
    ]


def test_a_page_holds_the_same() -> None:
    page = Page(SHOWN.html())
    assert page.texts == [
        *("Evaluation of 3 documents", "accuracy", "0.5", "majority class", "0.3333"),
        *("class", "documents", "even", "1", "odd", "1,200"),
    ]


def test_data_is_text_wherever_it_stands() -> None:
    shown = Summary(HOSTILE, HOSTILE, (HOSTILE,), ((HOSTILE, HOSTILE),), (HOSTILE, HOSTILE), ((HOSTILE, HOSTILE),))
    page = Page(shown.html())
    assert page.tags == {"div", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert sum(text.count("<script>") for text in page.texts) == 8
    assert "\x1b" not in shown.html() + shown.line() + shown.text()
    assert "\n" not in shown.line()
    assert shown.line().count(r"\x1b[31m\n") == 3
