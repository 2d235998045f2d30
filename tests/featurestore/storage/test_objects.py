"""Objects on a local disk and on S3 behave alike."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import GenericError
from obstore.store import MemoryStore

from encore.featurestore.errors import StoreError, UsageError
from encore.featurestore.storage.objects import Objects


@pytest.fixture(params=["local", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    root = str(tmp_path) if request.param == "local" else request.getfixturevalue("s3_bucket")
    return Objects.open(f"{root}/a folder/store", make=True)


def test_what_was_put_is_what_comes_back(objects: Objects) -> None:
    objects.put("deep/er/object", b"first")
    objects.put("deep/er/object", memoryview(b"second"))
    objects.put("empty", b"")
    assert objects.get("deep/er/object") == b"second"
    assert objects.get_range("deep/er/object", 1, 3) == b"eco"
    assert objects.get("empty") == b""
    assert (objects.size("deep/er/object"), objects.size("empty"), objects.size("deep")) == (6, 0, None)


@pytest.mark.parametrize("name", ["50%", "a b", "é", "x~1", ".hidden", "a*", "#x?y"])
def test_names_that_storage_escapes_come_back_too(objects: Objects, name: str) -> None:
    objects.put(f"folder/{name}", b"inside")
    assert objects.get(f"folder/{name}") == b"inside"
    assert objects.get_range(f"folder/{name}", 2, 3) == b"sid"


@pytest.mark.parametrize("path", ["../secret", "folder/../../secret", "./../secret"])
def test_a_path_never_leads_out_of_the_root(objects: Objects, path: str) -> None:
    objects.put("folder/x", b"inside")
    if objects.on_disk:
        Path(objects.uri).with_name("secret").write_bytes(b"outside")
    for read in (objects.get, lambda path: objects.get_range(path, 0, 3)):
        with pytest.raises((FileNotFoundError, ValueError)):
            read(path)


def test_an_object_larger_than_one_part_comes_back_whole(objects: Objects) -> None:
    data = bytes(range(256)) * (6 << 12)
    objects.put("large", memoryview(data))
    assert objects.get("large") == data


def test_create_has_one_winner_among_eight_threads(objects: Objects) -> None:
    for round_ in range(5):
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(lambda i, path=f"commit/{round_}": objects.create(path, b"%d" % i), range(8)))
        assert won.count(True) == 1
        assert objects.get(f"commit/{round_}") == b"%d" % won.index(True)


def test_create_leaves_what_is_there(objects: Objects) -> None:
    assert objects.create("x", b"first")
    assert not objects.create("x", b"second")
    assert objects.get("x") == b"first"


def test_a_missing_object_is_a_file_not_found_error_that_names_it(objects: Objects) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        objects.get("lists/none")
    assert str(raised.value) == f"{objects.uri}/lists/none"
    with pytest.raises(FileNotFoundError, match="lists/none"):
        objects.get_range("lists/none", 0, 4)


def test_walk_lists_a_folder_and_nothing_beside_it(objects: Objects) -> None:
    for path in ("lists/a", "lists/b/c", "lists-of-others/d", "e"):
        objects.put(path, path.encode())
    assert sorted(objects.walk("lists")) == [("lists/a", 7), ("lists/b/c", 9)]
    assert {path for path, _ in objects.walk()} == {"lists/a", "lists/b/c", "lists-of-others/d", "e"}
    assert list(objects.walk("nowhere")) == []


def test_walk_goes_on_behind_the_first_page(objects: Objects) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: objects.put(f"many/{i}", b""), range(1010)))
    assert len({path for path, _ in objects.walk("many")}) == 1010


@pytest.mark.parametrize("ignored", [False, True], ids=["continued", "from the start again"])
def test_a_listing_that_broke_off_is_whole(ignored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    objects, listing, breaks = Objects(MemoryStore(), "memory"), obstore.list, iter([False, True, False, True])
    names = [f"many/{i:04}" for i in range(2500)]
    for name in names:
        objects.put(name, b"")

    def breaking(store: object, prefix: str, *, offset: str | None, chunk_size: int) -> Iterator[object]:
        for page in listing(store, prefix, offset=None if ignored else offset, chunk_size=chunk_size):
            if next(breaks, False):
                raise GenericError("the connection broke")
            yield page

    monkeypatch.setattr(obstore, "list", breaking)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    assert [path for path, _ in objects.walk("many")] == names
    assert next(breaks, None) is None


def test_storage_that_overwrites_what_is_to_be_created_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    objects, write = Objects(MemoryStore(), "memory"), obstore.put
    objects.require_creates()
    assert list(objects.walk()) == []
    monkeypatch.setattr(obstore, "put", lambda store, path, data, **_: write(store, path, data))
    with pytest.raises(StoreError, match="memory: this storage overwrites an object"):
        objects.require_creates()
    assert list(objects.walk()) == []


def test_delete_removes_and_does_not_mind_what_is_gone(objects: Objects) -> None:
    objects.put("x", b"")
    objects.put("y", b"")
    objects.delete(["x", "gone", "y"])
    assert list(objects.walk()) == []


def test_storage_errors_name_the_object(objects: Objects) -> None:
    objects.put("x", b"short")
    with pytest.raises(StoreError, match=r"store/x: storage refused: ") as raised:
        objects.get_range("x", 100, 4)
    assert "\n" not in str(raised.value)


def test_a_bucket_that_is_not_there_is_no_missing_object(s3_bucket: str) -> None:
    elsewhere = Objects.open(f"{s3_bucket}-other/store")
    for write in (elsewhere.put, elsewhere.create):
        with pytest.raises(StoreError, match=r"-other/store: cannot be written to: no such bucket"):
            write("x", b"")


class TestUris:
    """A local place has many spellings."""

    def test_a_relative_path_is_made_absolute(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Objects.open("here", make=True).put("x", b"")
        assert Objects.open("here").uri == str(tmp_path / "here")
        assert (tmp_path / "here/x").exists()

    def test_a_tilde_is_the_home_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        assert Objects.open("~/store", make=True).uri == str(tmp_path / "store")

    def test_a_file_url_is_a_path_as_it_stands_for_a_new_folder_too(self, tmp_path: Path) -> None:
        Objects.open(f"file://{tmp_path}/a%20b #?", make=True).put("x", b"1")
        assert (tmp_path / "a%20b #?/x").read_bytes() == b"1"

    def test_a_percent_sign_in_a_path_stays(self, tmp_path: Path) -> None:
        assert Objects.open(str(tmp_path / "a%20b"), make=True).uri == str(tmp_path / "a%20b")

    def test_a_trailing_slash_changes_nothing(self, tmp_path: Path, s3_bucket: str) -> None:
        assert Objects.open(f"{tmp_path}/").uri == str(tmp_path)
        there = Objects.open(f"{s3_bucket}/store/")
        there.put("x", b"1")
        assert there.name("x") == f"{s3_bucket}/store/x"
        assert Objects.open(f"{s3_bucket}/store").get("x") == b"1"

    def test_a_directory_that_is_not_there_is_refused_and_not_made(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"nowhere: no such directory"):
            Objects.open(str(tmp_path / "nowhere"))
        assert not (tmp_path / "nowhere").exists()

    def test_a_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(UsageError, match=r"file: is a file, expected a directory"):
            Objects.open(str(tmp_path / "file"), make=True)
        with pytest.raises(UsageError, match=r"file/below: cannot be opened: Not a directory"):
            Objects.open(str(tmp_path / "file/below"), make=True)

    def test_an_unknown_scheme_is_refused(self) -> None:
        with pytest.raises(UsageError, match=r"^ftp2://host/x: unknown scheme"):
            Objects.open("ftp2://host/x")
