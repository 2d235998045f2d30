from __future__ import annotations

import os
from pathlib import Path

import pytest

from featurestore.errors import DataError, UsageError
from tables.files import TableFile, open_input
from tables.listing.sources import find_files


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return folder


def names_of(files, folder):
    return [file.uri.removeprefix(f"{folder}/") for file in files]


def test_a_directory_stands_for_the_files_below_it_with_a_known_ending(tmp_path):
    touch(tmp_path, "b/c.parquet", "a.jsonl", "b.csv", "readme.md", "b/d/e.pq", "x.ndjson", "y.json", "Z.PARQUET")
    files = find_files([str(tmp_path)])
    assert names_of(files, tmp_path) == [
        "Z.PARQUET",
        "a.jsonl",
        "b.csv",
        "b/c.parquet",
        "b/d/e.pq",
        "x.ndjson",
        "y.json",
    ]
    assert [file.format for file in files] == ["parquet", "jsonl", "csv", "parquet", "parquet", "jsonl", "jsonl"]
    assert files[1] == TableFile(str(tmp_path / "a.jsonl"), "jsonl", len("a.jsonl"))


def test_bookkeeping_files_of_a_directory_are_left_out_unless_named(tmp_path):
    touch(tmp_path, "_temporary/0.parquet", ".hidden.csv", "part.csv")
    assert names_of(find_files([str(tmp_path)]), tmp_path) == ["part.csv"]
    assert names_of(find_files([str(tmp_path / "_temporary/0.parquet")]), tmp_path) == ["_temporary/0.parquet"]


def test_a_glob_stands_for_what_it_matches(tmp_path):
    touch(tmp_path, "2024/a.csv", "2024/b.csv", "2025/deep/c.csv", "2025/d.jsonl")
    assert names_of(find_files([f"{tmp_path}/2024/*.csv"]), tmp_path) == ["2024/a.csv", "2024/b.csv"]
    assert names_of(find_files([f"{tmp_path}/**/*.csv"]), tmp_path) == ["2024/a.csv", "2024/b.csv", "2025/deep/c.csv"]
    assert names_of(find_files([f"{tmp_path}/202?"]), tmp_path) == [
        "2024/a.csv", "2024/b.csv", "2025/d.jsonl", "2025/deep/c.csv",
    ]  # fmt: skip


def test_a_file_whose_name_looks_like_a_glob_is_itself(tmp_path):
    touch(tmp_path, "data[1].csv", "data1.csv")
    assert names_of(find_files([f"{tmp_path}/data[1].csv"]), tmp_path) == ["data[1].csv"]


def test_a_file_named_twice_or_by_a_link_counts_once_and_the_order_of_inputs_does_not_matter(tmp_path):
    touch(tmp_path, "a.csv", "b.csv")
    (tmp_path / "c.csv").symlink_to(tmp_path / "a.csv")
    inputs = [str(tmp_path / "b.csv"), f"{tmp_path}/*.csv", str(tmp_path), f"{tmp_path}/../{tmp_path.name}/a.csv"]
    assert names_of(find_files(inputs), tmp_path) == ["a.csv", "b.csv"]
    assert find_files(inputs) == find_files(inputs[::-1])


def test_linked_directories_are_followed_once(tmp_path):
    touch(tmp_path, "real/a.csv", "elsewhere/b.csv")
    (tmp_path / "real/loop").symlink_to(tmp_path / "real")
    (tmp_path / "real/more").symlink_to(tmp_path / "elsewhere")
    assert names_of(find_files([str(tmp_path / "real")]), tmp_path) == ["real/a.csv", "real/more/b.csv"]


def test_relative_paths_and_file_urls_become_absolute_paths(tmp_path, monkeypatch):
    touch(tmp_path, "some folder/a.csv")
    monkeypatch.chdir(tmp_path)
    expected = [str(tmp_path / "some folder/a.csv")]
    assert [file.uri for file in find_files(["some folder/a.csv"])] == expected
    assert [file.uri for file in find_files([f"file://{tmp_path}/some%20folder/a.csv"])] == expected


def test_no_input_is_an_error():
    with pytest.raises(UsageError, match="an input is an empty name"):
        find_files(["", "a.csv"])
    with pytest.raises(UsageError, match="no input"):
        find_files([])


def test_an_empty_glob_is_an_error_that_lists_what_is_there(tmp_path):
    touch(tmp_path, "a.csv", "sub/x.csv")
    with pytest.raises(UsageError, match=rf"\*\.parquet: no file matches; {tmp_path} holds: a.csv, sub/"):
        find_files([f"{tmp_path}/*.parquet"])


def test_a_path_that_does_not_exist_is_an_error_that_lists_what_is_there(tmp_path):
    touch(tmp_path, "a.csv")
    with pytest.raises(UsageError, match=rf"no such file or directory; {tmp_path} holds: a.csv"):
        find_files([f"{tmp_path}/b/c.csv"])


def test_a_directory_without_corpus_files_is_an_error_that_lists_what_is_there(tmp_path):
    touch(tmp_path, "notes.txt")
    with pytest.raises(UsageError, match=r"no corpus file below this directory; .* holds: notes.txt"):
        find_files([str(tmp_path)])


def test_an_unknown_ending_is_an_error_that_lists_the_known_ones(tmp_path):
    touch(tmp_path, "notes.txt")
    for text in (f"{tmp_path}/notes.txt", f"{tmp_path}/*"):
        with pytest.raises(UsageError, match=r"notes.txt: unknown ending; .*\.parquet, \.pq, \.jsonl"):
            find_files([text])


def test_a_compressed_file_is_refused_with_what_to_do(tmp_path):
    touch(tmp_path, "a.jsonl.gz")
    with pytest.raises(UsageError, match=r"a.jsonl.gz: compressed files cannot be read in ranges; unpack it"):
        find_files([f"{tmp_path}/a.jsonl.gz"])


def test_a_file_that_changed_or_went_since_it_was_listed_is_an_error(tmp_path):
    touch(tmp_path, "a.csv")
    (file,) = find_files([str(tmp_path)])
    os.truncate(file.uri, 2)
    with pytest.raises(DataError, match="had 5 bytes when it was listed and has 2 now; run again"):
        open_input(file)
    Path(file.uri).unlink()
    with pytest.raises(DataError, match=r"a.csv: cannot be read"):
        open_input(file)
