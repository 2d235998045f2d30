"""Heads beside their predictions, so that every worker finds them and every prediction can be traced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import torch

from featurestore import FeatureSpec
from featurestore.objects import Objects
from featurestore.store import READ_THREADS
from heads import Head, Scorer
from heads.head_folder import HEAD_FILE, WEIGHTS_FILE

DIGEST_DIGITS = 12
"""Hex digits of a head's digest in its name: enough to tell the heads of one task apart."""


def head_name(head: Head) -> str:
    """``task@digest``: the partition that holds a head's predictions."""
    return f"{head.task}@{head.digest[:DIGEST_DIGITS]}"


def stage_heads(objects: Objects, heads: Iterable[Head]) -> None:
    """Keep copies of heads below ``heads/``; what is there already is the same, since the digest is in its name."""

    def stage(head: Head) -> None:
        folder = f"heads/{head_name(head)}"
        if any(objects.size(f"{folder}/{file}") is None for file in (HEAD_FILE, WEIGHTS_FILE)):
            for file, content in head.to_files().items():
                objects.create(f"{folder}/{file}", content)

    with ThreadPoolExecutor(READ_THREADS) as pool:
        list(pool.map(stage, heads))


class StagedHeads:
    """The heads of a run, loaded once a process, and prepared for scoring once for all segments that need the same.

    Attributes:
        heads: name → head.
    """

    def __init__(
        self,
        objects: Objects,
        names: Iterable[str],
        spec: FeatureSpec,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Load heads; ``device`` and ``dtype`` are as of `Scorer`."""
        wanted = list(names)
        with ThreadPoolExecutor(READ_THREADS) as pool:
            loaded = list(pool.map(lambda name: _load(objects, name), wanted))
        self.heads: Mapping[str, Head] = dict(zip(wanted, loaded, strict=True))
        self._spec, self._device, self._dtype = spec, device, dtype
        self._lock = Lock()
        self._names: tuple[str, ...] = ()
        self._latest: Scorer | None = None

    def scorer(self, names: Sequence[str]) -> Scorer:
        """What scores with these heads; threads may share it.

        Only the latest is kept: nearly every segment of a run lacks the same heads, and preparing a hundred takes as
        long as scoring some hundred documents with them.
        """
        with self._lock:
            if self._latest is None or self._names != tuple(names):
                # Before the next ones are prepared: a device need not hold both.
                self._latest = None
                self._latest = Scorer([self.heads[name] for name in names], self._spec, self._device, self._dtype)
                self._names = tuple(names)
            return self._latest


def _load(objects: Objects, name: str) -> Head:
    folder = f"heads/{name}"
    files = {path.rpartition("/")[2]: objects.get(path) for path, _ in objects.walk(folder)}
    return Head.from_files(files, objects.name(folder))
