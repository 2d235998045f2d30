"""Heads beside their predictions are prepared once for all segments that need the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from encore.featurestore import StoreError
from encore.featurestore.storage.objects import Objects
from encore.heads import Head
from encore.pipelines.head_registry import head_copies
from encore.pipelines.head_registry.head_copies import HeadCopies, copy_heads, read_copy
from encore.pipelines.predictions import head_name
from tests.heads.building import head_of, spec_of


def test_the_same_heads_are_prepared_once_and_others_anew(tmp_path: Path) -> None:
    spec = spec_of()
    heads = [head_of(spec, task="a"), head_of(spec, "mean", task="b")]
    objects = Objects.open(str(tmp_path))
    copy_heads(objects, heads)
    first, second = map(head_name, heads)
    copies = HeadCopies(objects, [first, second], spec)
    assert {name: head.digest for name, head in copies.heads.items()} == {
        name: head.digest for name, head in zip([first, second], heads, strict=True)
    }
    both = copies.scorer([first, second])
    assert copies.scorer((first, second)) is both
    assert [head.task for head in copies.scorer([second, first]).heads] == ["b", "a"]
    assert [head.task for head in copies.scorer([second]).heads] == ["b"]
    assert [head.task for head in both.heads] == ["a", "b"]


def test_heads_are_prepared_where_they_are_to_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, asked = spec_of(), []
    monkeypatch.setattr(head_copies, "Scorer", lambda *words: asked.append(words[1:]))
    objects = Objects.open(str(tmp_path))
    head = head_of(spec)
    copy_heads(objects, [head])
    device = torch.device("cuda", 1)
    HeadCopies(objects, [head_name(head)], spec, device, torch.float16).scorer([head_name(head)])
    HeadCopies(objects, [head_name(head)], spec).scorer([head_name(head)])
    assert asked == [(spec, device, torch.float16), (spec, "cpu", torch.float32)]


def test_heads_that_are_copied_already_are_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of()
    first, second = head_of(spec, task="a"), head_of(spec, "mean", task="b")
    objects = Objects.open(str(tmp_path))
    copy_heads(objects, [first])
    made: list[str] = []
    to_files = Head.to_files
    monkeypatch.setattr(Head, "to_files", lambda head: (made.append(head.task), to_files(head))[1])
    copy_heads(objects, [first, second])
    assert made == ["b"]
    # A run that was killed between the two files of a head.
    (tmp_path / "heads" / head_name(first) / "weights.safetensors").unlink()
    copy_heads(objects, [first, second])
    assert made == ["b", "a"]
    assert len(HeadCopies(objects, map(head_name, [first, second]), spec).heads) == 2


DAMAGE: dict[str, Callable[[Path], object]] = {
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "missing": Path.unlink,
}


@pytest.mark.parametrize("file", ["head.json", "weights.safetensors"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_copy_is_written_anew(tmp_path: Path, damage: Callable[[Path], object], file: str) -> None:
    head, objects = head_of(spec_of()), Objects.open(str(tmp_path))
    copy_heads(objects, [head])
    damage(tmp_path / "heads" / head_name(head) / file)
    with pytest.raises(StoreError, match=head_name(head)):
        read_copy(objects, head_name(head))
    copy_heads(objects, [head])
    assert read_copy(objects, head_name(head)).digest == head.digest


def test_a_copy_that_is_another_head_is_not_taken_for_its_namesake(tmp_path: Path) -> None:
    spec, objects = spec_of(), Objects.open(str(tmp_path))
    head, other = head_of(spec), head_of(spec, seed=9)
    copy_heads(objects, [head])
    for file, content in other.to_files().items():
        objects.put(f"heads/{head_name(head)}/{file}", content)
    with pytest.raises(
        StoreError, match=rf"damaged: holds {head_name(other)}; run encore backfill with this head again"
    ):
        HeadCopies(objects, [head_name(head)], spec)
    copy_heads(objects, [head])
    assert read_copy(objects, head_name(head)).digest == head.digest


def test_a_sound_copy_from_another_training_of_the_same_weights_stays(tmp_path: Path) -> None:
    head, objects = head_of(spec_of()), Objects.open(str(tmp_path))
    copy_heads(objects, [head])
    before = objects.get(f"heads/{head_name(head)}/head.json")
    copy_heads(objects, [replace(head, created_at="2031-01-01T00:00:00+00:00")])
    assert objects.get(f"heads/{head_name(head)}/head.json") == before
