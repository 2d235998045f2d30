"""The documentation can be read without a network, and tells nobody that it is read."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FETCHING = {"src", "srcset", "data", "poster", "background"}
OUTSIDE = re.compile(r"^\s*(?:[a-z]+:)?//", re.IGNORECASE)


class FetchedFiles(HTMLParser):
    """What a browser fetches for a page by itself: a link that a reader may follow is not among it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kinds = (dict(attrs).get("rel") or "").split()
        named = FETCHING | ({"href"} if tag == "link" and "canonical" not in kinds else set())
        self.found += [value or "" for name, value in attrs if name in named]


def outside(found: list[str]) -> list[str]:
    return [address for address in found if OUTSIDE.match(address)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of one page, built as ours is."""
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    from mkdocs.commands.build import build  # noqa: PLC0415 (an extra)
    from mkdocs.config import load_config  # noqa: PLC0415 (an extra)

    docs, built = (tmp_path_factory.mktemp(name) for name in ("docs", "site"))
    (docs / "index.md").write_text("# A page\n\n```python\nprint()\n```\n\n[A link](https://example.com)\n")
    config = str(ROOT / "mkdocs.yml")
    build(load_config(config, docs_dir=str(docs), site_dir=str(built), nav=[{"Home": "index.md"}], plugins=["search"]))
    return built


def test_a_page_fetches_nothing_from_outside(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert {page.name for page in pages} == {"index.html", "404.html", "search.html"}
    for page in pages:
        text = page.read_text()
        found = FetchedFiles(text).found
        assert found
        assert outside(found) == []
        assert "hljs" not in text


def test_no_style_or_script_of_the_site_fetches_from_outside(site: Path) -> None:
    styles = [re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.DOTALL) for file in site.rglob("*.css")]
    assert styles
    for style in styles:
        assert outside(re.findall(r"""(?:url\(|@import )\s*["']?([^"')\s;]+)""", style)) == []
    scripts = [file.read_text() for file in site.rglob("*.js")]
    assert not [script for script in scripts if re.search(r"""importScripts\(["'](?:https?:)?//""", script)]


def test_no_text_of_ours_embeds_what_lies_outside() -> None:
    for file in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        text = file.read_text()
        assert outside([*re.findall(r"!\[[^\]]*\]\(([^)\s]+)", text), *FetchedFiles(text).found]) == [], file.name
