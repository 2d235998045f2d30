"""Creating local files whole, on file systems with hard links and without."""

from __future__ import annotations

import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from encore.featurestore.errors import StoreError
from encore.featurestore.storage import local_files
from encore.featurestore.storage.local_files import create_file
from encore.featurestore.storage.objects import Objects

WAYS = ("links", "renames", "claims")
"""What a file system has: hard links, else renames that replace nothing, else neither."""


def without_links(monkeypatch: pytest.MonkeyPatch, number: int = errno.EPERM, *, renames: bool) -> None:
    """A file system without hard links, and perhaps without renames that replace nothing."""

    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refused)
    if not renames:
        monkeypatch.setattr(local_files, "_renameat2", lambda: None)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "links":
        without_links(monkeypatch, renames=request.param == "renames")
    return str(request.param)


@pytest.fixture
def objects(way: str, tmp_path: Path) -> Objects:
    assert way in WAYS
    return Objects.open(str(tmp_path / "root"), make=True)


def test_create_has_one_winner_and_readers_find_it_whole(objects: Objects) -> None:
    for round_ in range(10):
        path = f"manifests/{round_}.json"

        def attempt(number: int, path: str = path) -> tuple[bool, bytes]:
            return objects.create(path, b"%d" % number * 50_000), objects.get(path)

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(attempt, range(8)))
        won = [created for created, _ in found]
        assert won.count(True) == 1
        assert {read for _, read in found} == {b"%d" % won.index(True) * 50_000}
    assert {len(path.name) for path in Path(objects.uri).rglob("*.json*")} == {len("0.json")}


def test_create_leaves_what_is_there_and_nothing_beside_it(objects: Objects) -> None:
    assert objects.create("deep/er/x", b"first")
    assert not objects.create("deep/er/x", b"second")
    assert objects.get("deep/er/x") == b"first"
    assert [path.name for path in Path(objects.uri, "deep/er").iterdir()] == ["x"]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK])
def test_whatever_a_file_system_says_instead_of_a_link(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_links(monkeypatch, number, renames=False)
    assert Objects.open(str(tmp_path)).create("tags/a.json", b"1")


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("step", ["link", "replace"])
def test_an_interrupted_create_leaves_no_file(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    objects = Objects.open(str(tmp_path))
    monkeypatch.setattr(os, step, interrupted)
    monkeypatch.setattr(local_files, "_renameat2", lambda: None)
    if step == "replace":
        without_links(monkeypatch, renames=False)
    with pytest.raises(KeyboardInterrupt):
        objects.create("manifests/1.json", b"whole")
    assert list((tmp_path / "manifests").iterdir()) == []


def test_a_full_disk_is_said_and_leaves_no_file(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("link", "replace"):
        monkeypatch.setattr(os, name, full)
    monkeypatch.setattr(local_files, "_renameat2", lambda: None)
    with pytest.raises(StoreError, match=r"manifests/1.json: .*No space left on device; make room"):
        objects.create("manifests/1.json", b"whole")
    assert list(Path(objects.uri, "manifests").iterdir()) == []


class TestANameThatIsTaken:
    """Without links and such renames, an empty file has a name for a moment."""

    @pytest.fixture(autouse=True)
    def claims(self, monkeypatch: pytest.MonkeyPatch) -> None:
        without_links(monkeypatch, renames=False)

    def test_a_writer_and_a_reader_wait_until_it_is_filled(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        objects, file = Objects.open(str(tmp_path)), tmp_path / "x"
        monkeypatch.setattr(time, "sleep", lambda _: file.write_bytes(b"theirs"))
        file.touch()
        assert not objects.create("x", b"mine")
        file.write_bytes(b"")
        assert objects.get("x") == b"theirs"

    def test_a_writer_takes_it_when_it_is_given_up(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "x"
        monkeypatch.setattr(time, "sleep", lambda _: file.unlink())
        file.touch()
        assert create_file(file, b"mine")
        assert file.read_bytes() == b"mine"

    def test_one_that_a_kill_left_is_named_and_not_taken(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "sleep", lambda _: None)
        objects = Objects.open(str(tmp_path))
        objects.put("manifests/1.json", b"")
        with pytest.raises(StoreError, match=r"manifests/1\.json: empty: its writer was stopped.*remove this file"):
            objects.create("manifests/1.json", b"mine")
        assert (tmp_path / "manifests/1.json").read_bytes() == b""
        (tmp_path / "manifests/1.json").unlink()
        assert objects.create("manifests/1.json", b"mine")
