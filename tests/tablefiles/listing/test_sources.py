from __future__ import annotations

import os
from pathlib import Path

import pytest

from encore.featurestore.errors import DataError, UsageError
from encore.tablefiles.files import TableFile, open_input
from encore.tablefiles.listing.listing import EMPTY_FILE, Listing, UnreadPath
from encore.tablefiles.listing.sources import find_table_files, list_files
from tests.tablefiles.listing.globbed import GLOBBED, GLOBS


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
    files = find_table_files([str(tmp_path)])
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
    assert names_of(find_table_files([str(tmp_path)]), tmp_path) == ["part.csv"]
    assert names_of(find_table_files([str(tmp_path / "_temporary/0.parquet")]), tmp_path) == ["_temporary/0.parquet"]


def test_a_glob_stands_for_what_it_matches(tmp_path):
    touch(tmp_path, "2024/a.csv", "2024/b.csv", "2025/deep/c.csv", "2025/d.jsonl")
    assert names_of(find_table_files([f"{tmp_path}/2024/*.csv"]), tmp_path) == ["2024/a.csv", "2024/b.csv"]
    assert names_of(find_table_files([f"{tmp_path}/**/*.csv"]), tmp_path) == [
        "2024/a.csv",
        "2024/b.csv",
        "2025/deep/c.csv",
    ]
    assert names_of(find_table_files([f"{tmp_path}/202?"]), tmp_path) == [
        "2024/a.csv", "2024/b.csv", "2025/d.jsonl", "2025/deep/c.csv",
    ]  # fmt: skip


@pytest.mark.parametrize(("pattern", "names"), GLOBS.items())
def test_a_glob_passes_over_what_a_folder_passes_over_unless_it_names_that(tmp_path, pattern, names):
    touch(tmp_path, *GLOBBED)
    if names:
        assert names_of(find_table_files([f"{tmp_path}/{pattern}"]), tmp_path) == names
        return
    with pytest.raises(UsageError, match="no file matches"):
        find_table_files([f"{tmp_path}/{pattern}"])


def test_what_is_named_above_a_glob_is_read_whatever_it_is(tmp_path):
    touch(tmp_path, ".cache/_raw/a.csv", ".cache/_raw/_b.csv")
    assert names_of(find_table_files([f"{tmp_path}/.cache/_raw/*.csv"]), tmp_path) == [".cache/_raw/a.csv"]


def test_a_file_whose_name_looks_like_a_glob_is_itself(tmp_path):
    touch(tmp_path, "data[1].csv", "data1.csv")
    assert names_of(find_table_files([f"{tmp_path}/data[1].csv"]), tmp_path) == ["data[1].csv"]


@pytest.mark.parametrize("pattern", ["*.csv", "./?.csv", "../run[[]1]/*.csv"])
def test_the_name_of_the_working_folder_is_no_pattern(tmp_path, monkeypatch, pattern):
    touch(tmp_path, "run[1]/a.csv", "run1/b.csv")
    monkeypatch.chdir(tmp_path / "run[1]")
    assert names_of(find_table_files([pattern]), tmp_path) == ["run[1]/a.csv"]
    with pytest.raises(UsageError, match=r"holds: run1/, run\[1\]/; where a name holds a \[, write \[\[\] for it"):
        find_table_files([f"{tmp_path}/run[2]/*.csv"])


def test_a_file_named_twice_or_by_a_link_counts_once_and_the_order_of_inputs_does_not_matter(tmp_path):
    touch(tmp_path, "a.csv", "b.csv")
    (tmp_path / "c.csv").symlink_to(tmp_path / "a.csv")
    inputs = [str(tmp_path / "b.csv"), f"{tmp_path}/*.csv", str(tmp_path), f"{tmp_path}/../{tmp_path.name}/a.csv"]
    assert names_of(find_table_files(inputs), tmp_path) == ["a.csv", "b.csv"]
    assert find_table_files(inputs) == find_table_files(inputs[::-1])


def test_linked_directories_are_followed_once(tmp_path):
    touch(tmp_path, "real/a.csv", "elsewhere/b.csv")
    (tmp_path / "real/loop").symlink_to(tmp_path / "real")
    (tmp_path / "real/more").symlink_to(tmp_path / "elsewhere")
    assert names_of(find_table_files([str(tmp_path / "real")]), tmp_path) == ["real/a.csv", "real/more/b.csv"]


def test_relative_paths_and_file_urls_become_absolute_paths(tmp_path, monkeypatch):
    touch(tmp_path, "some folder/a.csv")
    monkeypatch.chdir(tmp_path)
    expected = [str(tmp_path / "some folder/a.csv")]
    assert [file.uri for file in find_table_files(["some folder/a.csv"])] == expected
    assert [file.uri for file in find_table_files([f"file://{tmp_path}/some folder/a.csv"])] == expected


def test_no_input_is_an_error():
    with pytest.raises(UsageError, match="an input is an empty name"):
        find_table_files(["", "a.csv"])
    with pytest.raises(UsageError, match="no input"):
        find_table_files([])


def test_an_empty_glob_is_an_error_that_lists_what_is_there(tmp_path):
    touch(tmp_path, "a.csv", "sub/x.csv")
    with pytest.raises(UsageError, match=rf"\*\.parquet: no file matches; {tmp_path} holds: a.csv, sub/"):
        find_table_files([f"{tmp_path}/*.parquet"])


@pytest.mark.parametrize(
    ("name", "told"), [("a text of some words", True), ("my corpus.csv", False), ("my folder/corpus", False)]
)
def test_who_gives_a_text_is_told_of_tables(tmp_path, monkeypatch, name, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no such file or directory") as error:
        find_table_files([name])
    assert ("texts themselves go into a table" in str(error.value)) == told


def test_a_path_that_does_not_exist_is_an_error_that_lists_what_is_there(tmp_path):
    touch(tmp_path, "a.csv")
    with pytest.raises(UsageError, match=rf"no such file or directory; {tmp_path} holds: a.csv"):
        find_table_files([f"{tmp_path}/b/c.csv"])


def test_a_directory_without_corpus_files_is_an_error_that_lists_what_is_there(tmp_path):
    touch(tmp_path, "notes.txt")
    with pytest.raises(UsageError, match=r"no file to read below this directory; .* holds: notes.txt"):
        find_table_files([str(tmp_path)])


def test_an_unknown_ending_is_an_error_that_lists_the_known_ones(tmp_path):
    touch(tmp_path, "notes.txt")
    for text in (f"{tmp_path}/notes.txt", f"{tmp_path}/*"):
        with pytest.raises(UsageError, match=r"notes.txt: unknown ending; .*\.parquet, \.pq, \.jsonl"):
            find_table_files([text])


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a.jsonl.zip", "such archives are not read; unpack it, or compress it as .gz, .zst, .bz2, .lz4"),
        ("a.csv.xz", "such archives are not read"),
        ("a.tar.gz", "unknown ending"),
        ("a.gz", "unknown ending"),
        ("a.parquet.gz", "parquet files compress inside; unpack it"),
    ],
)
def test_what_is_packed_in_a_way_that_is_not_read_is_refused_with_what_to_do(tmp_path, name, what):
    touch(tmp_path, name)
    with pytest.raises(UsageError, match=f"{name}: {what}"):
        find_table_files([f"{tmp_path}/{name}"])


@pytest.mark.parametrize("ending", ["jsonl", "ndjson", "json", "csv", "tsv"])
@pytest.mark.parametrize("packed", [".gz", ".zst", ".bz2", ".lz4", ".GZ"])
def test_compressed_text_is_read_under_its_two_endings(tmp_path, ending, packed):
    touch(tmp_path, f"a.{ending}{packed}")
    (file,) = find_table_files([str(tmp_path)])
    assert (file.format, file.is_stream) == ("csv" if ending in ("csv", "tsv") else "jsonl", True)


def test_a_file_that_changed_or_went_since_it_was_listed_is_an_error(tmp_path):
    touch(tmp_path, "a.csv")
    (file,) = find_table_files([str(tmp_path)])
    os.truncate(file.uri, 2)
    with pytest.raises(DataError, match="had 5 bytes when it was listed and has 2 now; run the command again"):
        open_input(file)
    Path(file.uri).unlink()
    with pytest.raises(DataError, match=r"a.csv: cannot be read"):
        open_input(file)


def listed(folder):
    """(names of files, name → reason of what is not read)."""
    found = list_files([str(folder)])
    return names_of(found.files, folder), {it.uri.removeprefix(f"{folder}/"): it.reason for it in found.unread}


def test_what_a_folder_holds_and_is_not_read_is_named(tmp_path):
    touch(tmp_path, "a.csv", "readme.md", "old/b.xlsx", "_SUCCESS", ".a.csv.crc", "dataset_info.json")
    (tmp_path / "part-1.csv").touch()
    assert listed(tmp_path) == (
        ["a.csv"],
        {"old/b.xlsx": "unknown ending", "part-1.csv": "it is empty: 0 bytes", "readme.md": "unknown ending"},
    )


def test_what_is_no_file_is_skipped_and_named(tmp_path):
    touch(tmp_path, "a.csv")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    (tmp_path / "round.csv").symlink_to(tmp_path / "round.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.csv")).write_bytes(b"doc_id,text\n")
    files, unread = listed(tmp_path)
    assert files == ["a.csv"]
    assert unread == {
        "caf\\xe9.csv": "its name is not UTF-8",
        "gone.csv": "a link to nothing",
        "pipe.csv": "a pipe",
        "round.csv": "it cannot be opened: Too many levels of symbolic links",
    }


def test_a_folder_that_may_not_be_opened_is_named(tmp_path, monkeypatch):
    touch(tmp_path, "a.csv", "closed/b.csv")
    listdir = os.listdir

    def refuse(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    assert listed(tmp_path) == (["a.csv"], {"closed": "it cannot be opened: Permission denied"})


def test_a_pipe_or_a_link_to_nothing_that_is_named_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    with pytest.raises(UsageError, match=r"pipe.csv: is a pipe; .* write it to a file first"):
        find_table_files([f"{tmp_path}/pipe.csv"])
    with pytest.raises(UsageError, match=r"gone.csv: a link to nothing"):
        find_table_files([f"{tmp_path}/gone.csv"])


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_an_empty_file_alone_holds_no_rows_and_is_no_error(tmp_path, name):
    (tmp_path / name).touch()
    for text in (tmp_path, tmp_path / name, tmp_path / "*"):
        assert list_files([str(text)]) == Listing((), (UnreadPath(str(tmp_path / name), EMPTY_FILE),))


def test_a_night_of_empty_files_beside_a_note_is_no_error(tmp_path):
    touch(tmp_path, "readme.md")
    (tmp_path / "part-1.csv").touch()
    assert listed(tmp_path) == ([], {"part-1.csv": EMPTY_FILE, "readme.md": "unknown ending"})


def test_a_name_that_is_not_utf_8_is_refused_where_it_is_named_and_skipped_where_a_glob_matches_it(tmp_path):
    touch(tmp_path, "a.csv")
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.csv")
    Path(name).write_bytes(b"doc_id,text\n")
    with pytest.raises(UsageError, match=r"caf\\xe9.csv: its name is not UTF-8; rename it"):
        list_files([name])
    found = list_files([f"{tmp_path}/*.csv"])
    assert names_of(found.files, tmp_path) == ["a.csv"]
    assert found.unread == (UnreadPath(f"{tmp_path}/caf\\xe9.csv", "its name is not UTF-8"),)


def test_those_who_ask_for_files_alone_are_warned_of_what_is_not_read(tmp_path, caplog):
    touch(tmp_path, "a.csv", *(f"{number}.xz" for number in range(7)))
    assert names_of(find_table_files([str(tmp_path)]), tmp_path) == ["a.csv"]
    assert caplog.messages == [
        *(f"not read: {tmp_path}/{number}.xz: unknown ending" for number in range(5)),
        "not read: 2 more",
    ]


def test_what_encore_wrote_itself_below_a_folder_is_no_input(tmp_path):
    touch(tmp_path, "a.csv", "features/store.json", "features/manifests/1.json", "features/lists/x.parquet")
    touch(tmp_path, "scores/predictions.json", "scores/manifests/1.json", "scores/head=a/x.parquet")
    touch(tmp_path, "heads/topic/head.json", "heads/topic/weights.safetensors")
    assert listed(tmp_path) == (["a.csv"], {})


def test_a_state_file_is_bookkeeping_beside_what_a_data_set_says_of_itself_alone(tmp_path):
    touch(tmp_path, "saved/dataset_info.json", "saved/state.json", "saved/data-0.arrow", "mine/state.json")
    assert listed(tmp_path) == (["mine/state.json", "saved/data-0.arrow"], {})


def test_columns_in_the_names_of_folders_are_found(tmp_path):
    touch(
        tmp_path, "year=1999/section=sport%2Fball/a.csv", "year=1999/b.csv", "section=__HIVE_DEFAULT_PARTITION__/c.csv"
    )
    below = tmp_path / "year=1999"
    columns = {Path(file.uri).name: file.partitions for file in find_table_files([str(tmp_path)])}
    year, section = ("year", "1999"), ("section", "sport/ball")
    assert columns == {"a.csv": (year, section), "b.csv": (year,), "c.csv": (("section", None),)}
    # Named by itself a file has the columns of its whole path; below a folder that is named, those below it.
    assert find_table_files([f"{below}/b.csv"])[0].partitions == (year,)
    assert [file.partitions for file in find_table_files([str(below)])] == [(), (section,)]
    assert [file.partitions for file in find_table_files([f"{tmp_path}/*/b.csv"])] == [(year,)]
    assert find_table_files([str(below), f"{below}/b.csv"]) == find_table_files([f"{below}/b.csv", str(below)])
