"""What the benchmark counts is what scoring does."""

import json
import sys

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import backfill_device
from benchmarks.backfill_device import bytes_moved, multiply_adds
from encore.featurestore import UsageError
from encore.heads import Head, HeadModel
from encore.heads.scoring.device import DeviceScoring
from tests.heads.building import block_of, head_of, spec_of


@pytest.mark.parametrize(
    ("heads", "attention_heads", "width", "tokens", "classes"), [(1, 1, 16, 8, 3), (3, 4, 32, 16, 2), (5, 2, 64, 40, 7)]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_multiply_adds_are_those_that_torch_counts(
    heads: int, attention_heads: int, width: int, tokens: int, classes: int, dtype: torch.dtype
) -> None:
    spec = spec_of(width=width)
    model = HeadModel.build(spec, classes, "attention", attention_heads=attention_heads).eval()
    # Each document has a multiple of eight tokens, so that nothing is padded.
    block = block_of(spec, [tokens] * 6)
    scoring = DeviceScoring([model] * heads, spec, torch.device("cpu"), dtype)
    with FlopCounterMode(display=False) as counter:
        scoring.probabilities(block, None)
    needed = multiply_adds(6, 6 * tokens, heads, width, attention_heads, classes)
    assert counter.get_total_flops() == 2 * needed


def test_bytes_are_those_of_every_tensor_between() -> None:
    documents, tokens, width, sums = 2, 16, 32, 3 * 4
    of_tokens = tokens * 4 + 3 * tokens * width * 4
    of_scores = 3 * 4 * tokens * sums + 2 * tokens * sums * 4
    assert bytes_moved(2, 16, 3, 32, 4, 4) == of_tokens + of_scores + 2 * documents * sums * width * 4
    assert bytes_moved(2, 16, 3, 32, 4, 2) < bytes_moved(2, 16, 3, 32, 4, 4)


def test_it_runs_on_the_processor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(backfill_device, "WIDTH", 64)
    monkeypatch.setattr(backfill_device, "ATTENTION_HEADS", 1)
    words = ["--device", "cpu", "--documents", "40", "--unit", "16", "--heads", "1", "2", "--repeats", "1"]
    monkeypatch.setattr(sys, "argv", ["benchmarks/backfill_device.py", *words])
    backfill_device.main()
    document = json.loads(capsys.readouterr().out)
    assert document["benchmark"] == "backfill-large"
    ways = ("memory", "job", "job of one segment")
    assert list(document["measured"]["seconds"]) == [
        f"{heads}, float32, {way}" for heads in ("1 head", "2 heads") for way in ways
    ]
    rate = document["measured"]["rates"]["2 heads, float32, memory"]
    seconds = document["measured"]["seconds"]["2 heads, float32, memory"]["median"]
    assert rate["documents"] == pytest.approx(40 / seconds, rel=1e-4)
    assert rate["hours"] == pytest.approx(1e9 * seconds / 40 / 3600, rel=1e-4)
    # The comparison covers both heads over the first block.
    assert document["measured"]["unlike"]["float32"].startswith("0 of 32")
    assert {len(row) for row in document["table"]["rows"]} == {len(document["table"]["header"])}


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["benchmarks/backfill_device.py"])
    with pytest.raises(UsageError, match="no CUDA device"):
        backfill_device.main()


def test_heads_are_those_of_the_formulas() -> None:
    head: Head = head_of(spec_of(width=backfill_device.WIDTH))
    assert head.model.pooling.heads == backfill_device.ATTENTION_HEADS
    assert (head.model.pooling.queries, len(head.classes)) == (1, len(backfill_device.CLASSES))
