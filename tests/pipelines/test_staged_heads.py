"""Heads beside their predictions are prepared once for all segments that need the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from featurestore.objects import Objects
from heads import Head
from pipelines import staged_heads
from pipelines.staged_heads import StagedHeads, head_name, stage_heads
from tests.heads.building import head_of, spec_of


def test_the_same_heads_are_prepared_once_and_others_anew(tmp_path: Path) -> None:
    spec = spec_of()
    heads = [head_of(spec, task="a"), head_of(spec, "mean", task="b")]
    objects = Objects.open(str(tmp_path))
    stage_heads(objects, heads)
    first, second = map(head_name, heads)
    staged = StagedHeads(objects, [first, second], spec)
    assert {name: head.digest for name, head in staged.heads.items()} == {
        name: head.digest for name, head in zip([first, second], heads, strict=True)
    }
    both = staged.scorer([first, second])
    assert staged.scorer((first, second)) is both
    assert [head.task for head in staged.scorer([second, first]).heads] == ["b", "a"]
    assert [head.task for head in staged.scorer([second]).heads] == ["b"]
    assert [head.task for head in both.heads] == ["a", "b"]


def test_heads_are_prepared_where_they_are_to_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, asked = spec_of(), []
    monkeypatch.setattr(staged_heads, "Scorer", lambda *words: asked.append(words[1:]))
    objects = Objects.open(str(tmp_path))
    head = head_of(spec)
    stage_heads(objects, [head])
    device = torch.device("cuda", 1)
    StagedHeads(objects, [head_name(head)], spec, device, torch.float16).scorer([head_name(head)])
    StagedHeads(objects, [head_name(head)], spec).scorer([head_name(head)])
    assert asked == [(spec, device, torch.float16), (spec, "cpu", torch.float32)]


def test_heads_that_are_staged_already_are_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of()
    first, second = head_of(spec, task="a"), head_of(spec, "mean", task="b")
    objects = Objects.open(str(tmp_path))
    stage_heads(objects, [first])
    made: list[str] = []
    to_files = Head.to_files
    monkeypatch.setattr(Head, "to_files", lambda head: (made.append(head.task), to_files(head))[1])
    stage_heads(objects, [first, second])
    assert made == ["b"]
    # A run that was killed between the two files of a head.
    (tmp_path / "heads" / head_name(first) / "weights.safetensors").unlink()
    stage_heads(objects, [first, second])
    assert made == ["b", "a"]
    assert len(StagedHeads(objects, map(head_name, [first, second]), spec).heads) == 2
