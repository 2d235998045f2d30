"""What a power cut may leave of a folder: recorded operations of this process, replayed as far as syncs promise.

The model is as lax as POSIX allows. A file that was not synced comes back whole, cut, full of zeros or empty. Of a
folder that was not synced, each name comes back as it was after any of the changes to it since the last sync, whatever
came of the other names. What was synced is as it was.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import obstore
import pytest

from encore.featurestore.storage import local_files

REAL_RENAME: Callable[..., int] = local_files._renameat2() or (lambda *_: -1)

Event = tuple[Any, ...]
"""What happened: its kind, and the paths below the root; of a file its content too."""


@dataclass(eq=False)
class File:
    """A file: its content, and whether that is on the disk."""

    data: bytes
    synced: bool = False


@dataclass(eq=False)
class Folder:
    """Name → what it led to since the folder was synced last, in order; None for nothing."""

    names: dict[str, list[File | Folder | None]] = field(default_factory=dict)


@dataclass
class Cut:
    """How a power cut chooses among what it may leave.

    Attributes:
        seed: of its choices.
        style: ``names lost`` drops every change of a name that was not synced. ``contents lost`` keeps these changes,
            and drops every content that was not synced. ``chance`` decides by chance for each.
    """

    seed: int
    style: str = "chance"

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def state(self, states: Sequence[File | Folder | None]) -> File | Folder | None:
        """One of the states of a name since its folder was synced."""
        if self.style == "chance":
            return self._random.choice(states)
        return states[0] if self.style == "names lost" else states[-1]

    def content(self, data: bytes) -> bytes:
        """What is left of a content that was not synced."""
        lost = (b"", bytes(len(data)))
        if self.style == "contents lost":
            return self._random.choice(lost)
        return self._random.choice((data, data[: self._random.randrange(len(data) + 1)], *lost))


class Disk:
    """A model of a folder on a disk, to which events happen."""

    def __init__(self) -> None:
        self.root = Folder()

    def happen(self, event: Event) -> None:
        """Change as an event says; marks change nothing."""
        kind, *paths = event
        match kind:
            case "mkdir":
                self._set(paths[0], Folder())
            case "file":
                self._set(paths[0], File(paths[1]))
            case "link":
                self._set(paths[1], self.find(paths[0]))
            case "rename":
                moved = self.find(paths[0])
                self._set(paths[0], None)
                self._set(paths[1], moved)
            case "exchange":
                one, other = map(self.find, paths)
                self._set(paths[0], other)
                self._set(paths[1], one)
            case "remove":
                self._set(paths[0], None)
            case "sync":
                _sync(self.find(paths[0]))

    def find(self, path: str) -> File | Folder | None:
        """What a path leads to now; None where there is nothing."""
        node: File | Folder | None = self.root
        for name in path.split("/") if path else ():
            if not isinstance(node, Folder):
                return None
            node = node.names.get(name, [None])[-1]
        return node

    def write(self, out: Path, cut: Cut | None = None) -> None:
        """Make the folder ``out`` of what a power cut leaves; without one, of all as it is."""
        _write(self.root, out, cut, {})

    def _set(self, path: str, node: File | Folder | None) -> None:
        above, _, name = path.rpartition("/")
        folder = self.find(above)
        assert isinstance(folder, Folder), path
        folder.names.setdefault(name, [None]).append(node)


def _sync(node: File | Folder | None) -> None:
    if isinstance(node, File):
        node.synced = True
    elif isinstance(node, Folder):
        node.names = {name: states[-1:] for name, states in node.names.items() if states[-1] is not None}


def _write(folder: Folder, out: Path, cut: Cut | None, contents: dict[File, bytes]) -> None:
    out.mkdir()
    for name, states in sorted(folder.names.items()):
        node = states[-1] if cut is None else cut.state(states)
        if isinstance(node, Folder):
            _write(node, out / name, cut, contents)
        elif node is not None:
            # One file under two names is the same under both.
            if node not in contents:
                contents[node] = node.data if cut is None or node.synced else cut.content(node.data)
            (out / name).write_bytes(contents[node])


class Recorder:
    """Events of this process below a root, which are held back from the disk's own syncs.

    Attributes:
        events: in order; whoever runs the jobs may put marks among them.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.events: list[Event] = []
        self._disk = Disk()
        self._lock = threading.RLock()

    def mark(self, *mark: Any) -> None:
        """Note something that is no operation."""
        with self._lock:
            self._happened("mark", *mark)

    def disk_at(self, events: int) -> Disk:
        """The disk when so many events had happened."""
        disk = Disk()
        for event in self.events[:events]:
            disk.happen(event)
        return disk

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record what happens meanwhile, in all threads."""
        with pytest.MonkeyPatch.context() as patch:
            for name, kind in (("link", "link"), ("rename", "rename"), ("replace", "rename")):
                patch.setattr(os, name, self._two(kind, getattr(os, name)))
            for name, kind in (("mkdir", "mkdir"), ("unlink", "remove"), ("remove", "remove"), ("rmdir", "remove")):
                patch.setattr(os, name, self._one(kind, getattr(os, name)))
            patch.setattr(os, "fsync", self._fsync)
            patch.setattr(local_files, "_renameat2", lambda: self._renameat2)
            patch.setattr(shutil, "rmtree", self._rmtree(shutil.rmtree))
            patch.setattr(obstore, "delete", self._delete(obstore.delete))
            yield

    def _path(self, path: Any) -> str | None:
        """The path below the root; None if it lies elsewhere."""
        with suppress(ValueError, TypeError):
            return "" if (found := Path(os.fsdecode(path)).relative_to(self.root).as_posix()) == "." else found
        return None

    def _happened(self, *event: Any) -> None:
        self.events.append(event)
        self._disk.happen(event)

    def _notice(self, path: str) -> None:
        """Files and folders that came to be in ways that are not watched."""
        there = self.root / path
        if self._disk.find(path) is None:
            if there.is_dir():
                self._happened("mkdir", path)
            else:
                self._happened("file", path, there.read_bytes())
        if there.is_dir():
            for below in sorted(there.iterdir()):
                self._notice(f"{path}/{below.name}" if path else below.name)

    def _one(self, kind: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(path: Any, *more: Any, **options: Any) -> Any:
            with self._lock:
                done = call(path, *more, **options)
                if (found := self._path(path)) is not None:
                    self._happened(kind, found)
                return done

        return recorded

    def _two(self, kind: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(source: Any, target: Any, **options: Any) -> Any:
            with self._lock:
                paths = self._path(source), self._path(target)
                if paths[0] is not None:
                    self._notice(paths[0])
                done = call(source, target, **options)
                if None not in paths:
                    self._happened(kind, *paths)
                return done

        return recorded

    def _renameat2(self, _: int, source: bytes, __: int, target: bytes, flags: int) -> int:
        with self._lock:
            paths = self._path(source), self._path(target)
            assert None not in paths
            self._notice(str(paths[0]))
            done = int(REAL_RENAME(_, source, __, target, flags))
            if done == 0:
                self._happened("exchange" if flags == local_files.RENAME_EXCHANGE else "rename", *paths)
            return done

    def _fsync(self, descriptor: int) -> None:
        with self._lock:
            path = self._path(Path(f"/proc/self/fd/{descriptor}").readlink())
            if path is not None:
                self._notice(path)
                self._happened("sync", path)

    def _rmtree(self, call: Callable[..., None]) -> Callable[..., None]:
        def recorded(path: Any, *more: Any, **options: Any) -> None:
            with self._lock:
                found = self._path(path)
                if found is not None and Path(path).is_dir():
                    self._notice(found)
                    for folder, folders, files in os.walk(path, topdown=False):
                        for name in (*files, *folders):
                            self._happened("remove", str(self._path(Path(folder, name))))
                    self._happened("remove", found)
                call(path, *more, **options)

        return recorded

    def _delete(self, call: Callable[..., None]) -> Callable[..., None]:
        """The storage client's own removal, which takes folders along that it has emptied."""

        def recorded(raw: Any, path: str) -> None:
            with self._lock:
                file = Path(str(raw.prefix), path)
                call(raw, path)
                for gone in (file, *file.parents):
                    if gone.exists():
                        break
                    if (found := self._path(gone)) is not None:
                        self._happened("remove", found)

        return recorded
