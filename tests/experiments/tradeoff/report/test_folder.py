from __future__ import annotations

import json
import re
import struct
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from encore.cli.main import run
from encore.cli.printing.experiments.tradeoff import print_tradeoff
from encore.experiments.tradeoff.report import picture
from encore.experiments.tradeoff.report.folder import check_report_folder, write_report_files
from encore.experiments.tradeoff.report.page import build_page
from encore.experiments.tradeoff.report.parquet_tables import CELL_SCHEMA, SETTING_SCHEMA
from encore.experiments.tradeoff.report.png import compress
from encore.experiments.tradeoff.report.wording import commands, recommendation_text
from encore.experiments.tradeoff.run import TradeoffReport, run_tradeoff
from encore.featurestore import UsageError
from tests.experiments.tradeoff.building import pair_store, request

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

pytestmark = pytest.mark.usefixtures("bundled_once")


class References(HTMLParser):
    """What a page would fetch, the names of its elements, and the rows of its table."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.elements: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in {"src", "href", "data", "action", "srcset"}]


@pytest.fixture(scope="module")
def files(report: TradeoffReport) -> dict[str, Path]:
    return {path.name: path for path in write_report_files(report)}


def test_the_page_fetches_nothing(files: dict[str, Path]) -> None:
    text = files["tradeoff.html"].read_text()
    page = References()
    page.feed(text)
    assert page.fetched == []
    assert not {"link", "iframe", "img", "object", "base"} & set(page.elements)
    assert "default-src 'none'" in text
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize(("rising", "said"), [(0, False), (3, False), (4, True)])
def test_heads_that_were_still_learning_are_said(
    report: TradeoffReport, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rising: int, said: bool
) -> None:
    assert report.still_rising[1] == 32
    monkeypatch.setattr(TradeoffReport, "still_rising", (rising, 32))
    warning = "dev accuracy of 4 of 32 heads was still rising: train them for longer (more --epochs) before you choose"
    assert (warning in build_page(report, [])) == said
    print_tradeoff(report, [], as_json=False)
    assert (warning in capsys.readouterr().out) == said


def test_the_page_has_the_answer_the_figures_and_where_they_come_from(
    files: dict[str, Path], report: TradeoffReport
) -> None:
    text = files["tradeoff.html"].read_text()
    page = References()
    page.feed(text)
    assert page.elements.count("tr") == 1 + 8
    assert recommendation_text(report).replace(" %", "\u00a0%") in text
    assert report.trials.source.spec.fingerprint in text
    assert "vegaEmbed(" in text
    panels = re.search(r" of (\[.*\])\.entries\(\)", text)
    assert panels is not None
    assert len(json.loads(panels[1])) == 3


def test_a_name_cannot_end_the_script_or_make_an_element(report: TradeoffReport, tmp_path: Path) -> None:
    evil = replace(report, request=replace(report.request, out=tmp_path, store="</script><b>x"))
    text = write_report_files(evil)[0].read_text()
    assert "</script><b>" not in text
    assert "&lt;/script&gt;&lt;b&gt;x" in text


def test_the_picture_is_a_png_that_can_be_read(files: dict[str, Path]) -> None:
    data = files["tradeoff.png"].read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert width > 1200
    assert height > 800
    assert len(data) < 300_000


def test_a_compact_picture_has_the_same_pixels(files: dict[str, Path]) -> None:
    def pixels(data: bytes) -> bytes:
        start = data.index(b"IDAT")
        (length,) = struct.unpack(">I", data[start - 4 : start])
        return zlib.decompress(data[start + 4 : start + 4 + length])

    data = files["tradeoff.png"].read_bytes()
    assert pixels(compress(data)) == pixels(data)
    end = data.index(b"IEND")
    assert data[end - 4 :] == b"\0\0\0\0IEND\xaeB`\x82"


def test_the_tables_have_their_schemas_and_say_where_they_come_from(
    files: dict[str, Path], report: TradeoffReport
) -> None:
    cells, settings = (pq.read_table(files[name]) for name in ("cells.parquet", "settings.parquet"))
    assert cells.schema.equals(CELL_SCHEMA)
    assert settings.schema.equals(SETTING_SCHEMA)
    assert (cells.num_rows, settings.num_rows) == (32, 24)
    origin = json.loads(settings.schema.metadata[b"encore"])
    assert origin["command"] == report.request.command
    assert origin["fingerprint"] == report.trials.source.spec.fingerprint
    assert settings["recommended"].to_pylist().count(True) == 3


def test_a_single_task_has_no_panel_of_means(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = words_of(folder, folder / "report", "two")
    assert run([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["panel"] for row in found["settings"]} == {"two"}
    assert found["recommendation"]["on_front"]
    assert found["heads_trained"] == 0
    assert run([*words, "--max-bytes-per-document", "1"]) == 0
    assert "No setting measured is of at most 1 B a document" in " ".join(capsys.readouterr().out.split())


def test_pairs_are_pooled_text_by_text_and_encoded_as_pairs(
    report: TradeoffReport, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = pair_store(tmp_path_factory.mktemp("pairs"))
    asked = request(folder, folder / "report", ("alike",), layers=("last",), quantizers=("float16",), seeds=1)
    found = run_tradeoff(asked, lambda *_: None)
    assert found.poolings(found.tasks[0]) == {"tokens": "pair", "mean": "mean"}
    html, *_ = write_report_files(found)
    assert "tokens pooled by attention over each text of a pair" in html.read_text()
    rows = pq.read_table(folder / "report" / "cells.parquet").select(["positions", "pooling"]).to_pylist()
    assert rows == [{"positions": "tokens", "pooling": "pair"}, {"positions": "mean", "pooling": "mean"}]
    assert commands(found)[-1].endswith("--pair-column PAIR")
    several = run_tradeoff(replace(asked, out=folder / "several", positions=("tokens",), queries=2), lambda *_: None)
    assert several.poolings(several.tasks[0]) == {"tokens": "attention"}
    assert not any("--pair-column" in line for line in commands(report))
    assert report.poolings(report.tasks[0]) == {"tokens": "attention", "mean": "mean"}


def test_the_recommended_store_and_heads_can_be_made_with_the_commands_printed(report: TradeoffReport) -> None:
    lines = commands(report)
    point = report.recommendation.chosen
    assert point is not None
    assert lines[0].startswith("encore derive --from")
    assert f"--layers {point.setting.layers} --positions {point.setting.positions}" in lines[0]
    assert [line.split()[1] for line in lines] == ["derive", "train", "train", "encode"]
    assert "--epochs 1" in lines[1]


def test_a_missing_extra_is_named_before_any_work(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(picture, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"encore-featurestore\[report\]"):
        check_report_folder(tmp_path / "out")
    assert run(words_of(folder, tmp_path / "out", "two")) == 2
    assert "altair and vl_convert not installed" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_wrong_usage_exits_2(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["tradeoff", "--store", str(folder / "rich"), "--out", str(tmp_path / "out"), "--labels"]
    assert run([*words, "labels.csv"]) == 2
    assert "expected TASK=TRAIN" in capsys.readouterr().err
    assert run([*words, f"t={tmp_path}/none.csv"]) == 2
    assert "no such file" in capsys.readouterr().err


def words_of(folder: Path, out: Path, task: str) -> list[str]:
    """The command line of the usual request for one task."""
    asked = request(folder, out, (task,))
    words = ["tradeoff", "--store", asked.store, "--labels", str(asked.labels[0]), "--out", str(out), "--workers", "1"]
    for option, values in (
        ("--layers", asked.layers),
        ("--positions", asked.positions),
        ("--quantizer", asked.quantizers),
    ):
        words += [word for value in values for word in (option, value)]
    return [*words, "--seeds", "2", "--epochs", "1"]
