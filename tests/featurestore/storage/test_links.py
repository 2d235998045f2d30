"""Symbolic links below a root: nothing outside is ever written or removed through one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from encore.featurestore import Catalogue, StoreError
from encore.featurestore.removal.forget import remove_forgotten
from encore.featurestore.removal.vacuum import vacuum
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.storage.objects import Objects
from encore.featurestore.verification.store import verify
from tests.featurestore.building import expected, held, put, spec_of

NOW = timedelta(0)
"""An age limit that spares nothing."""
TEXTS = {"a": "1", "b": "2"}


def contents(folder: Path) -> dict[str, bytes | None]:
    """What lies in a folder, empty folders too."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    (folder / "deep").mkdir(parents=True)
    (folder / "thesis").write_bytes(b"three years of work")
    (folder / "deep" / "object").write_bytes(b"alone in its folder")
    return folder


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    objects = Objects.open(str(tmp_path / "root"), make=True)
    objects.put("folder/object", b"inside")
    return objects


class TestObjects:
    """Links to a folder, to a file, to nothing and in a circle; above an object, or in its place."""

    @pytest.mark.parametrize(
        ("link", "target", "path"),
        [
            ("x", "outside", "x/thesis"),
            ("x", "outside", "x/new"),
            ("x", "outside", "x/deep/object"),
            ("folder/x", "outside", "folder/x/deep/new"),
            ("folder/x", "outside/thesis", "folder/x"),
            ("folder/x", "outside/none", "folder/x"),
            ("folder/x", "root/folder/object", "folder/x"),
            ("x", "root", "x/folder/object"),
            ("x", "root/x", "x/y"),
        ],
    )
    def test_are_never_written_or_removed_through_a_link(
        self, tmp_path: Path, objects: Objects, outside: Path, link: str, target: str, path: str
    ) -> None:
        (tmp_path / "root" / link).symlink_to(tmp_path / target)
        before = contents(outside), objects.get("folder/object")
        for change in (
            lambda: objects.put(path, b"theirs"),
            lambda: objects.create(path, b"theirs"),
            lambda: objects.delete([path]),
        ):
            with pytest.raises(
                StoreError, match=rf"root/{link}: is a symbolic link: Encore writes and removes nothing"
            ):
                change()
        assert (contents(outside), objects.get("folder/object")) == before
        assert (tmp_path / "root" / link).is_symlink()

    def test_are_written_and_removed_where_the_root_itself_is_a_link(self, tmp_path: Path, objects: Objects) -> None:
        (tmp_path / "by").symlink_to(tmp_path / "root")
        linked = Objects.open(str(tmp_path / "by"))
        linked.require_no_links()
        linked.put("new/one", b"1")
        assert linked.create("new/two", b"2")
        linked.delete(["folder/object", "new/one", "new/two"])
        assert list(linked.walk()) == []
        assert (tmp_path / "by").is_symlink()
        assert (tmp_path / "root").is_dir()

    def test_the_look_finds_every_link_and_follows_none(self, tmp_path: Path, objects: Objects, outside: Path) -> None:
        objects.require_no_links()
        root = tmp_path / "root"
        (outside / "further").symlink_to(root)
        made = {"a": outside, "folder/b": outside / "thesis", "folder/c": tmp_path / "none", "folder/d": root}
        for link, target in made.items():
            (root / link).symlink_to(target)
        assert sorted(objects.links()) == [f"{root}/{link}" for link in sorted(made)]

    def test_the_look_says_which_folder_it_cannot_read(
        self, tmp_path: Path, objects: Objects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(folder: str) -> None:
            raise PermissionError(13, "Permission denied", folder)

        monkeypatch.setattr(os, "scandir", refuse)
        with pytest.raises(StoreError, match="root: cannot be read: Permission denied"):
            objects.require_no_links()


LINKS = {
    "a folder in a segment": ("segments/{segment}/x", "outside"),
    "a file in an attempt": ("segments/{segment}/{attempt}/x", "outside/thesis"),
    "a segment": (f"segments/{'a' * 32}", "outside"),
    "a folder of its own": ("notes", "outside"),
    "a circle": ("segments/{segment}/x", "store/segments"),
    "a circle among manifests": ("manifests/x", "store"),
    "a dangling link": ("lists/x", "nowhere"),
}


@pytest.fixture
def store(tmp_path: Path) -> Catalogue:
    store = put(Catalogue.create(str(tmp_path / "store"), spec_of()), TEXTS)
    return put(store, {}, prune=frozenset({"b"}))


@pytest.mark.parametrize("place", LINKS)
class TestAStoreWithALink:
    def link(self, tmp_path: Path, store: Catalogue, place: str) -> str:
        name, target = LINKS[place]
        entry = store.entries[0]
        link = Path(store.uri, name.format(segment=entry.segment, attempt=entry.attempt))
        link.symlink_to(tmp_path / target)
        return str(link)

    @pytest.mark.parametrize(
        "change",
        [
            lambda store: vacuum(store.objects, age_limit=NOW),
            lambda store: remove_forgotten(store, age_limit=NOW),
            lambda store: delete(store, ["a"], block=True),
            compact,
            lambda store: Catalogue.create(store.uri, store.spec),
        ],
        ids=["vacuum", "forget", "delete", "compact", "encode"],
    )
    def test_is_not_changed(
        self, tmp_path: Path, store: Catalogue, outside: Path, place: str, change: Callable[[Catalogue], object]
    ) -> None:
        link = self.link(tmp_path, store, place)
        os.utime(outside / "thesis", (0, 0))
        before = contents(outside), contents(Path(store.uri))
        with pytest.raises(StoreError, match=f"^{re.escape(link)}: is a symbolic link: "):
            change(store)
        assert (contents(outside), contents(Path(store.uri))) == before

    def test_is_not_clean(self, tmp_path: Path, store: Catalogue, outside: Path, place: str) -> None:
        link = self.link(tmp_path, store, place)
        if place == "a circle among manifests":
            with pytest.raises(StoreError, match=r"manifests: .*x points to an ancestor"):
                verify(Objects.open(store.uri))
            return
        found = {finding.object: finding.problem for finding in verify(Objects.open(store.uri)).findings}
        assert found[link] == "is a symbolic link"

    def test_is_read_unless_its_folders_run_in_a_circle(
        self, tmp_path: Path, store: Catalogue, outside: Path, place: str
    ) -> None:
        self.link(tmp_path, store, place)
        if place == "a circle among manifests":
            with pytest.raises(StoreError, match=r"manifests: .*x points to an ancestor"):
                Catalogue.open(store.uri)
        else:
            assert held(Catalogue.open(store.uri)) == expected({"a": "1"}, store.spec)


def test_a_store_behind_a_link_is_changed_like_any_other(tmp_path: Path, store: Catalogue) -> None:
    (tmp_path / "by").symlink_to(store.uri)
    linked = Catalogue.open(str(tmp_path / "by"))
    delete(linked, ["a"])
    compact(linked)
    vacuum(linked.objects, age_limit=NOW)
    assert verify(Objects.open(linked.uri)).findings == ()


ASKS = """
import sys
from encore.featurestore import StoreError
from encore.featurestore.storage.objects import Objects

objects, path = Objects.open(sys.argv[1]), sys.argv[2]
for ask in (objects.get, objects.size, lambda path: objects.get_range(path, 0, 1)):
    try:
        ask(path)
    except StoreError as error:
        print(error)
"""


@pytest.mark.parametrize("name", ["store.json", "manifests/00000000000000000001.json"])
def test_a_pipe_with_the_name_of_an_object_is_named_and_not_waited_for(tmp_path: Path, name: str) -> None:
    """In a process of its own, which can be ended where it waits for ever."""
    store = put(Catalogue.create(str(tmp_path / "store"), spec_of()), {"a": "1"})
    (tmp_path / "store" / name).unlink()
    os.mkfifo(tmp_path / "store" / name)
    words = [sys.executable, "-c", ASKS, store.uri, name]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == [f"{store.uri}/{name}: is no file, but a pipe or a device; remove it"] * 3
