from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest

from encore.experiments.cost import BUILT_IN, EncoderShape, Methods
from encore.experiments.cost.figure import _chart, check_figure, write_figure
from encore.featurestore.errors import UsageError

METHODS = Methods.of(BUILT_IN["roberta-large"], BUILT_IN["distilroberta"], 50)


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    write_figure(str(tmp_path / "f.png"), METHODS, 14, "a title")
    data = (tmp_path / "f.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert len(data) > 10_000


def drawn_layers(tasks: int) -> list[tuple[str, list[dict[str, Any]]]]:
    """Kind of mark and points of each layer."""
    pytest.importorskip("altair")
    chart = _chart(METHODS, tasks, "a title").to_dict()
    return [(layer["mark"]["type"], chart["datasets"][layer["data"]["name"]]) for layer in chart["layer"]]


def test_the_picture_draws_the_lines_and_marks_where_they_cross() -> None:
    (kind, points), *marks = drawn_layers(14)
    drawn = {(point["method"], point["tasks"]): point["gflops"] for point in points}
    assert kind == "line"
    assert drawn == {(line.name, tasks): line.at(tasks) / 10**9 for line in METHODS.lines for tasks in (0, 14)}
    [(dots, places), (text, label)] = marks
    assert (dots, text) == ("point", "text")
    assert [place["tasks"] for place in places] == pytest.approx([7.1044, 7.4563], abs=1e-4)
    for place in places:
        assert place["gflops"] == pytest.approx(METHODS.distilled.slope * place["tasks"] / 10**9)
    assert label[0]["text"] == "7.11 tasks; 7.46 with the paper's attention"


def test_few_tasks_are_drawn_as_far_as_the_crossing() -> None:
    [(_, points), *_] = drawn_layers(1)
    assert {point["tasks"] for point in points} == {0, 14}


def test_a_line_that_never_crosses_is_not_marked() -> None:
    pytest.importorskip("altair")
    small = EncoderShape.of_bert("small", 1, 128, 512)
    methods = Methods.of(BUILT_IN["roberta-large"], small, 50)
    assert methods.attention.break_even(methods.distilled) is None
    chart = _chart(methods, 3, "a title").to_dict()
    [text] = [layer for layer in chart["layer"] if layer["mark"]["type"] == "text"]
    assert chart["datasets"][text["data"]["name"]][0]["text"].endswith("tasks")


def test_another_ending_is_refused_before_any_work() -> None:
    check_figure(None)
    with pytest.raises(UsageError, match=r"'f\.svg': pictures are PNG"):
        check_figure("f.svg")


@pytest.mark.parametrize("package", ["altair", "vl_convert"])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("altair")
    original = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return original(name, *rest, **more)

    monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=rf'needs {package}; pip install "encore-featurestore\[report\]"'):
        check_figure("f.png")
