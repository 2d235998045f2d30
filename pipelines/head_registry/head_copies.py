"""Copies of heads in the predictions folder. Workers load them there, and every prediction can be traced to a head."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock

import torch

from encore.featurestore import FeatureSpec, StoreError, UsageError
from encore.featurestore.common import several
from encore.featurestore.storage import REQUESTS_AT_ONCE, Objects
from encore.heads import Head, Scorer
from encore.heads.artefact import HEAD_FILE, WEIGHTS_FILE, read_document
from encore.heads.labels import TrainingIds
from encore.pipelines.predictions import head_name

COPY_AGAIN = "run encore backfill with this head again, which writes it anew"
"""Advice in errors about a copy that is missing or damaged."""


def load_heads(given: Sequence[str | Head]) -> list[Head]:
    """The heads, loaded where a directory is given. Raises UsageError if none is given, or one twice."""
    given = several(given, "heads")
    if not given:
        raise UsageError("no head is named; name at least one, by the folder that it was saved to")
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        heads = list(pool.map(lambda it: it if isinstance(it, Head) else Head.load(it), given))
    require_different(heads)
    return heads


def require_different(heads: Sequence[Head]) -> None:
    """Raise UsageError if a head is given twice."""
    names = [head_name(head) for head in heads]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UsageError(f"heads {', '.join(sorted(twice))} are named twice; name each once")


def head_title(given: str | Head) -> str:
    """The name of a head in messages: its directory, or its own name."""
    return f"head {head_name(given) if isinstance(given, Head) else given}"


def copy_heads(objects: Objects, heads: Iterable[Head]) -> None:
    """Keep copies of heads below ``heads/``. A missing or damaged copy is written again."""

    def stage(head: Head) -> None:
        try:
            read_copy(objects, head_name(head))
        except StoreError:
            for file, content in head.to_files().items():
                objects.put(f"heads/{head_name(head)}/{file}", content)

    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        list(pool.map(stage, heads))


def read_copy(objects: Objects, name: str) -> Head:
    """Load the copy of a head, by its name ``task@digest``.

    Raises:
        StoreError: the copy is missing, damaged, or of another head.
    """
    folder, files = f"heads/{name}", {}
    for file in (HEAD_FILE, WEIGHTS_FILE):
        with suppress(FileNotFoundError):
            files[file] = objects.get(f"{folder}/{file}")
    head = Head.from_files(files, objects.name(folder))
    if head_name(head) != name:
        raise StoreError(f"{objects.name(folder)}: damaged: holds {head_name(head)}; {COPY_AGAIN}")
    return head


def copy_training_ids(objects: Objects, name: str) -> TrainingIds | None:
    """Ids of the documents that a head was trained on; None if its copy is missing or does not hold them.

    Raises:
        StoreError: the copy is damaged.
    """
    path = f"heads/{name}/{HEAD_FILE}"
    try:
        document = read_document(objects.get(path), objects.name(path))
        return TrainingIds.from_document(document)
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{objects.name(path)}: damaged: {error}; {COPY_AGAIN}") from error


class HeadCopies:
    """The heads of a run. A process loads them once, and prepares them once for all segments that need the same heads.

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
        """Load heads. ``device`` and ``dtype`` are as in `Scorer`."""
        wanted = list(names)
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            loaded = list(pool.map(lambda name: read_copy(objects, name), wanted))
        self.heads: Mapping[str, Head] = dict(zip(wanted, loaded, strict=True))
        self._spec, self._device, self._dtype = spec, device, dtype
        self._lock = Lock()
        self._names: tuple[str, ...] = ()
        self._latest: Scorer | None = None

    def scorer(self, names: Sequence[str]) -> Scorer:
        """The scorer of these heads; threads may share it.

        Only the latest scorer is kept, since nearly all segments of a run need the same heads. It is kept because
        preparing a hundred heads takes as long as scoring some hundred documents with them.
        """
        with self._lock:
            if self._latest is None or self._names != tuple(names):
                # Dropped before the next heads are prepared: both need not fit on the device.
                self._latest = None
                self._latest = Scorer([self.heads[name] for name in names], self._spec, self._device, self._dtype)
                self._names = tuple(names)
            return self._latest
