"""Heads beside their predictions, so that every worker finds them and every prediction can be traced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from featurestore.objects import Objects
from heads import Head

DIGEST_DIGITS = 12
"""Hex digits of a head's digest in its name: enough to tell the heads of one task apart."""


def head_name(head: Head) -> str:
    """``task@digest``: the partition that holds a head's predictions."""
    return f"{head.task}@{head.digest[:DIGEST_DIGITS]}"


def stage_heads(objects: Objects, heads: Iterable[Head]) -> None:
    """Keep copies of heads below ``heads/``; what is there already is the same, since the digest is in its name."""
    for head in heads:
        for file, content in head.to_files().items():
            objects.create(f"heads/{head_name(head)}/{file}", content)


def load_staged_heads(objects: Objects, names: Iterable[str]) -> Mapping[str, Head]:
    """Name → head."""
    return _Heads({name: _load(objects, name) for name in names})


def _load(objects: Objects, name: str) -> Head:
    folder = f"heads/{name}"
    files = {path.rpartition("/")[2]: objects.get(path) for path, _ in objects.walk(folder)}
    return Head.from_files(files, objects.name(folder))


class _Heads(dict[str, Head]):
    """A dictionary that Beam's `Shared` can hold weakly."""
