"""Files that a user asked for are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from encore.featurestore.errors import StoreError
from encore.featurestore.storage import replacement
from encore.featurestore.storage.replacement import whole_file
from encore.featurestore.storage.sync import NO_SYNC
from encore.featurestore.storage.user_files import new_file


def write(path: Path, data: bytes) -> None:
    with whole_file(path) as file:
        file.write(data)


def break_off(path: Path, error: BaseException) -> None:
    with new_file(str(path)) as file:
        file.write(b"half")
        file.flush()
        raise error


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_failure_in_the_middle_leaves_what_was_there(
    error: type[BaseException], old: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "out.json"
    if old is not None:
        path.write_bytes(old)
    with pytest.raises(error):
        break_off(path, error())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == ({} if old is None else {"out.json": old})


def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_bytes(b"old")
    with pytest.raises(StoreError, match=r"out.json: cannot be written: No space left on device; make room"):
        break_off(tmp_path / "out.json", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert (tmp_path / "out.json").read_bytes() == b"old"
    assert names(tmp_path) == ["out.json"]


def test_the_content_is_on_the_disk_before_the_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").write_bytes(b"old")
    seen: list[tuple[bool, bytes]] = []

    def fsync(descriptor: int) -> None:
        seen.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), (tmp_path / "out").read_bytes()))

    monkeypatch.delenv(NO_SYNC)
    monkeypatch.setattr(os, "fsync", fsync)
    write(tmp_path / "out", b"new")
    assert seen == [(False, b"old"), (True, b"new")]


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_a_file_keeps_its_mode_while_it_is_written_too(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    path.chmod(mode)
    with whole_file(path) as file:
        file.write(b"new")
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == mode
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() == b"new"


def test_a_new_file_has_the_mode_that_any_new_file_has(tmp_path: Path) -> None:
    write(tmp_path / "out", b"new")
    (tmp_path / "other").touch()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_link_stays_and_what_it_leads_to_is_written_whole(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/real").write_bytes(b"old")
    (tmp_path / "there/second").symlink_to("real")
    (tmp_path / "out").symlink_to(tmp_path / "there/second")
    with pytest.raises(KeyboardInterrupt):
        break_off(tmp_path / "out", KeyboardInterrupt())
    assert (tmp_path / "there/real").read_bytes() == b"old"
    write(tmp_path / "out", b"new")
    assert (tmp_path / "there/real").read_bytes() == b"new"
    assert names(tmp_path) == ["out", "there"]
    assert names(tmp_path / "there") == ["real", "second"]
    assert (tmp_path / "out").is_symlink()


def test_a_link_to_nothing_yet_gets_its_file(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("real")
    write(tmp_path / "out", b"new")
    assert not (tmp_path / "real").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_links_that_lead_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="Too many levels of symbolic links"), whole_file(tmp_path / "a"):
        pass


def test_a_device_and_a_pipe_are_written_to(tmp_path: Path) -> None:
    write(Path(os.devnull), b"gone")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    os.mkfifo(tmp_path / "pipe")
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write(tmp_path / "pipe", b"through")
    reader.join(60)
    assert found == [b"through"]
    assert names(tmp_path) == ["pipe"]


WRITE = """
from encore.featurestore.storage.user_files import new_file
with new_file('/dev/stdout') as file: file.write(b'all of it')
"""


@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_standard_output_is_written_to_wherever_it_leads(kind: str, tmp_path: Path) -> None:
    command, root = [sys.executable, "-c", WRITE], Path(__file__).parents[3]
    if kind == "pipe":
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=root)
        assert done.stdout == b"all of it"
        return
    with (tmp_path / "out").open("wb") as out:
        subprocess.run(command, check=True, stdout=out, cwd=root)
        # The same file was written to, not a new one behind the caller's back.
        assert os.fstat(out.fileno()).st_size == len("all of it")
    assert names(tmp_path) == ["out"]


def test_a_folder_that_takes_no_new_files_has_its_file_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").write_bytes(b"old, and longer")
    inode = (tmp_path / "out").stat().st_ino
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    write(tmp_path / "out", b"new")
    assert (tmp_path / "out").read_bytes() == b"new"
    assert (tmp_path / "out").stat().st_ino == inode


@pytest.mark.parametrize("number", sorted(replacement.NOT_REPLACED))
def test_a_file_that_cannot_be_replaced_is_written_to(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path, target: Path) -> Path:
        raise OSError(number, os.strerror(number))

    (tmp_path / "out").write_bytes(b"old, and longer")
    monkeypatch.setattr(Path, "replace", refused)
    write(tmp_path / "out", b"new")
    assert (tmp_path / "out").read_bytes() == b"new"
    assert names(tmp_path) == ["out"]
    with pytest.raises(StoreError, match="none: cannot be written"):
        write(tmp_path / "none", b"new")
    assert names(tmp_path) == ["out"]


def test_a_name_as_long_as_the_system_takes_is_taken(tmp_path: Path) -> None:
    write(tmp_path / ("x" * 255), b"new")
    assert names(tmp_path) == ["x" * 255]
