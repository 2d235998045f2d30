from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

from encore.cli.commands.experiments.cost import cost
from encore.cli.main import run
from encore.experiments.cost import Prices
from encore.experiments.cost.report import CostRequest

ROOT = Path(__file__).parents[4]


@pytest.fixture(autouse=True)
def _wide_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_the_command_alone_prints_the_papers_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cost"]) == 0
    output = capsys.readouterr().out
    rows = [" ".join(line.replace("│", " ").split()) for line in output.splitlines()]
    assert "float16 2,048 2K 102,400 100K 49,152 48K 2,457,600 2.3M" in rows
    assert "uint8 1,024 1K 51,200 50K 24,576 24K 1,228,800 1.2M" in rows
    assert "sign 128 128 6,400 6K 3,072 3K 153,600 150K" in rows
    assert "roberta-large per task 0 30.44 426.2 430 (-0.9%)" in rows
    assert "distilroberta per task 0 4.293 60.1 61 (-1.5%)" in rows
    assert "frozen, cls or mean 30.44 0 30.44 31 (-1.8%)" in rows
    assert "frozen, paper's attention 30.44 0.2097 33.38 34 (-1.8%)" in rows
    assert "frozen, attention folded 30.44 0.007471 30.55" in rows
    assert "frozen, paper's attention 1.01 7.46" in rows
    assert "frozen, attention folded 1.01 7.11" in rows
    assert "table 3(d) prints 31" in output
    assert max(map(len, output.splitlines())) <= 90
    # No cell is cut off or broken at 80 columns.
    assert "…" not in output


def test_money_is_printed_for_a_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    prices = ["--price-per-gb-month", "0.1", "--months", "6", "--price-per-device-hour", "2", "--device-flops", "100"]
    assert run(["cost", "--documents", "100000000", *prices]) == 0
    output = capsys.readouterr().out
    rows = [" ".join(line.replace("│", " ").split()) for line in output.splitlines()]
    assert "encode once 28.19 56.38" in rows
    assert "sign 640 GB 384.00 440.63 8 tasks 56 tasks" in rows
    assert "heads of 14 tasks, from the store 0.124 0.25" in rows
    assert "GB and month 0.1, as given" in rows
    assert "reached 0.3: an assumption, high for a small encoder: measure yours" in rows
    assert "AWS" not in output
    assert "…" not in output


def test_what_the_prices_assume_is_printed_and_why_a_small_encoder_takes_so_many_tasks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["cost", "--encoder", "minilm", "--tokens", "60", "--documents", "1000000"]
    assert run(words) == 0
    output = capsys.readouterr().out
    assert "2.74 USD: AWS p4d.24xlarge / 8, on demand, us-east-1, Nov 2026" in output
    assert "0.0214 USD: S3 Standard, us-east-1" in output
    assert "keeping sign for 12 months costs 69.6 times encoding" in output
    assert "with 14 tasks sign pays from layers × width of 12,331 on;" in output
    assert "minilm has 2,304" in output
    assert max(map(len, output[output.index("why") :].splitlines())) <= 80
    assert "71,600 documents a second" in output
    assert run([*words, "--json"]) == 0
    money = json.loads(capsys.readouterr().out)["money"]
    assert set(money["assumed"]) == {"device_hour", "device_tflops", "utilization", "gb_month", "months"}
    assert money["comparison"]["stored"]["sign"]["size_that_pays"] == pytest.approx(12_331, abs=1)


def test_no_time_is_lost_on_torch_and_transformers() -> None:
    code = (
        "import sys; from encore.cli.main import run; code = run(['cost', '--documents', '10']); "
        "sys.exit(code or ', '.join({'torch', 'transformers', 'apache_beam'} & {*sys.modules}) or 0)"
    )
    words = [sys.executable, "-c", code]
    ended = subprocess.run(words, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_json_holds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cost", "--encoder", "minilm", "--tokens", "60", "--queries", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["flops"]["pooled"]["intercept"] == 6 * (24 * 384**2 + 4 * 60 * 384) * 60
    assert found["flops"]["folded"]["slope"] == 4 * (4 * 6 * 384 * 60 + 4 * 384**2)
    assert (found["paper"], found["money"], found["plot"]) == (None, None, None)


def test_a_picture_is_written_where_it_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("vl_convert")
    assert run(["cost", "--plot", str(tmp_path / "new" / "f.png")]) == 0
    assert (tmp_path / "new" / "f.png").stat().st_size > 10_000
    assert "picture" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tasks", "0"], "tasks 0: expected 1 or more"),
        (["--tokens", "0"], "tokens 0: expected 1 or more"),
        (["--documents", "5", "--price-per-gb-month", "-1"], "price per GB and month -1"),
        (["--months", "3"], "give --documents N"),
        (["--encoder", "./nowhere"], "known without files: roberta-large"),
        (["--plot", "f.pdf"], "give a name that ends in .png"),
    ],
)
def test_bad_values_are_wrong_usage_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["cost", *words]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_the_help_has_an_example_and_names_the_assumed_prices(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cost", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "Example: encore cost" in text
    for default in ("0.0214, assumed", "2.74, assumed", "312, assumed", "[default: (0.3)]", "[default: (12)]"):
        assert default in text


def test_defaults_are_the_papers_case_and_list_prices() -> None:
    defaults = {name: parameter.default for name, parameter in inspect.signature(cost).parameters.items()}
    request = CostRequest()
    for name in ("encoder", "distilled", "tokens", "tasks", "queries", "documents", "layers", "positions"):
        assert defaults[name] == getattr(request, name)
    assert (request.encoder, request.distilled, request.tokens, request.tasks) == (
        "roberta-large",
        "distilroberta",
        50,
        14,
    )
    assert Prices() == Prices(gb_month=0.0214, device_hour=2.74, device_tflops=312, utilization=0.3, months=12)
