"""Files that users name, on a disk and in object storage."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

import obstore
import pytest

from encore.featurestore.errors import UsageError
from encore.featurestore.storage.objects import Objects
from encore.featurestore.storage.user_files import check_file, local_folder, new_file, read_file

NAMES = ["x.json", "x.json#a", "x.json?a", "x%20y.json", "x y.json", "[1].json", "é.json"]


@pytest.fixture(params=["local", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "local" else str(request.getfixturevalue("s3_bucket"))


def write(text: str, data: bytes) -> None:
    with new_file(text) as file:
        file.write(data)


def test_files_whose_names_differ_by_a_sign_are_apart(root: str) -> None:
    for name in NAMES:
        check_file(f"{root}/new folder#/{name}", "--out")
        write(f"{root}/new folder#/{name}", name.encode())
    assert [read_file(f"{root}/new folder#/{name}") for name in NAMES] == [name.encode() for name in NAMES]
    assert sorted(path for path, _ in Objects.open(f"{root}/new folder#").walk()) == sorted(NAMES)


def test_a_check_leaves_nothing_and_a_failure_no_object(root: str) -> None:
    check_file(f"{root}/out/x.json", "--out")
    assert list(Objects.open(root).walk()) == []


def test_an_object_whose_writing_failed_is_not_there(s3_bucket: str) -> None:
    with pytest.raises(ZeroDivisionError), new_file(f"{s3_bucket}/x") as file:
        file.write(b"half" * (1 // 0))
    with pytest.raises(UsageError, match="x: no such file"):
        read_file(f"{s3_bucket}/x")


def test_an_object_too_large_for_memory_is_whole(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def put(*args: object, chunk_size: int, **more: object) -> object:
        asked.append(chunk_size)
        return real(*args, chunk_size=chunk_size, **more)  # type: ignore[arg-type]

    real = obstore.put
    monkeypatch.setattr(obstore, "put", put)
    monkeypatch.setattr("encore.featurestore.storage.user_files.IN_MEMORY", 1000)
    monkeypatch.setattr("encore.featurestore.storage.objects.ONE_PUT_BYTES", 1000)
    data = os.urandom(9 << 20)
    write(f"{s3_bucket}/x", data)
    assert (read_file(f"{s3_bucket}/x") == data, asked) == (True, [8 << 20])
    monkeypatch.setattr("encore.featurestore.storage.objects.MOST_PARTS", 1)
    write(f"{s3_bucket}/x", data[::-1])
    assert (read_file(f"{s3_bucket}/x") == data[::-1], asked[1:]) == (True, [9 << 20])


def test_an_object_at_the_root_of_a_bucket(s3_bucket: str) -> None:
    write(f"{s3_bucket}/x#y", b"1")
    assert read_file(f"{s3_bucket.replace('s3:', 's3a:')}/x#y") == b"1"


def test_what_is_no_file_is_refused(root: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none: no such file"):
        read_file(f"{root}/none")
    with pytest.raises(UsageError, match=r"--out .* cannot be written: it names a folder"):
        check_file(f"{root}/folder/", "--out")
    with pytest.raises(UsageError, match="is a directory, expected a file"):
        read_file(str(tmp_path))


def test_a_bucket_that_is_not_there_is_refused_before_the_work(s3_bucket: str) -> None:
    with pytest.raises(UsageError, match=r"--report .*cannot be written: .*no such bucket"):
        check_file(f"{s3_bucket}-other/x.json", "--report")
    with pytest.raises(UsageError, match="no such bucket"):
        read_file(f"{s3_bucket}-other/x.json")
    with pytest.raises(UsageError, match="-other: no such bucket"):
        list(Objects.open(f"{s3_bucket}-other").walk())


def test_a_key_that_is_no_path_keeps_no_file_from_being_written_beside_it(s3_bucket: str) -> None:
    endpoint, bucket = os.environ["AWS_ENDPOINT"], s3_bucket.removeprefix("s3://")
    request = urllib.request.Request(f"{endpoint}/{bucket}/a//b", data=b"x", method="PUT")
    urllib.request.urlopen(request, timeout=30).close()
    check_file(f"{s3_bucket}/x.json", "--out")
    write(f"{s3_bucket}/x.json", b"{}")
    assert read_file(f"{s3_bucket}/x.json") == b"{}"


def test_a_folder_that_has_to_be_local_is_no_url(tmp_path: Path) -> None:
    assert local_folder(f"file://{tmp_path}", "--out") == tmp_path
    with pytest.raises(UsageError, match=r"^--out s3://bucket/x: only local folders"):
        local_folder("s3://bucket/x", "--out")
