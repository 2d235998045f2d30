from __future__ import annotations

import os
import urllib.request
from urllib.parse import quote

import obstore
import pytest
from obstore.store import from_url

from encore.featurestore.errors import DataError, UsageError
from encore.pipelines.corpus import CorpusColumns, plan
from encore.tablefiles import find_table_files, list_files
from encore.tablefiles.files import open_input
from tests.pipelines.corpus.corpora import read_all, read_unit, write_lines, write_parquet
from tests.tablefiles.listing.globbed import GLOBBED, GLOBS

ROWS = [{"doc_id": f"d{i}", "text": f"text é {i}"} for i in range(300)]


def put(bucket, **objects):
    store = from_url(bucket)
    for name, data in objects.items():
        obstore.put(store, name, data)


def put_names(bucket, *names):
    put(bucket, **{name: name.encode() for name in names})


def put_any_key(bucket, key, data):
    """Put an object under a key that obstore has no path for."""
    request = urllib.request.Request(
        f"{os.environ['AWS_ENDPOINT']}/{bucket.removeprefix('s3://')}/{quote(key)}", data=data, method="PUT"
    )
    urllib.request.urlopen(request, timeout=30).close()


def names_of(files, bucket):
    return [file.uri.removeprefix(f"{bucket}/") for file in files]


def test_an_object_a_prefix_and_a_glob_are_found(s3_bucket):
    put_names(s3_bucket, "in/a.csv", "in/sub/b.jsonl", "in/readme.md", "in/_SUCCESS", "in/_tmp/c.csv", "other/d.csv")
    assert names_of(find_table_files([f"{s3_bucket}/in/a.csv"]), s3_bucket) == ["in/a.csv"]
    assert names_of(find_table_files([f"{s3_bucket}/in"]), s3_bucket) == ["in/a.csv", "in/sub/b.jsonl"]
    assert names_of(find_table_files([f"{s3_bucket}/in/", f"{s3_bucket}/in/a.csv"]), s3_bucket) == [
        "in/a.csv",
        "in/sub/b.jsonl",
    ]
    assert names_of(find_table_files([s3_bucket]), s3_bucket) == ["in/a.csv", "in/sub/b.jsonl", "other/d.csv"]
    assert names_of(find_table_files([f"{s3_bucket}/*/*.csv"]), s3_bucket) == ["in/a.csv", "other/d.csv"]
    assert names_of(find_table_files([f"{s3_bucket}/**/*.csv"]), s3_bucket) == ["in/a.csv", "other/d.csv"]
    assert names_of(find_table_files([f"{s3_bucket}/in/**/b.*"]), s3_bucket) == ["in/sub/b.jsonl"]
    assert names_of(find_table_files([f"{s3_bucket}/o*/**"]), s3_bucket) == ["other/d.csv"]
    assert find_table_files([f"{s3_bucket}/in/a.csv"])[0].bytes == len("in/a.csv")


def test_what_is_not_there_is_an_error_that_lists_what_is(s3_bucket):
    put_names(s3_bucket, "in/a.csv", "in/notes.txt", "bare/notes.txt")
    with pytest.raises(UsageError, match=r"no object matches; .*/in holds: a.csv, notes.txt"):
        find_table_files([f"{s3_bucket}/in/*.parquet"])
    with pytest.raises(
        UsageError, match=r"bare: no such object, and no file to read below it; objects there: notes.txt"
    ):
        find_table_files([f"{s3_bucket}/bare"])
    with pytest.raises(UsageError, match=r"nowhere: no such object, .* objects there: none"):
        find_table_files([f"{s3_bucket}/nowhere"])
    with pytest.raises(UsageError, match=r"in/notes.txt: unknown ending"):
        find_table_files([f"{s3_bucket}/in/notes.txt"])


def test_an_unknown_kind_of_storage_is_an_error():
    with pytest.raises(UsageError, match="gopher"):
        find_table_files(["gopher://host/a.csv"])


def test_a_corpus_reads_alike_from_object_storage_and_from_disk(s3_bucket, tmp_path):
    texts = "".join(f'{row["doc_id"]},"{row["text"]}"\n' for row in ROWS)
    (tmp_path / "odd name #1 %.csv").write_bytes(f"doc_id,text\n{texts}".encode())
    write_parquet(tmp_path / "b.parquet", ROWS, row_group_size=64)
    write_lines(tmp_path / "c.jsonl", *ROWS)
    for path in tmp_path.iterdir():
        name = f"in #1 %41/{path.name}"
        put(s3_bucket, **{name: path.read_bytes()})
        columns = CorpusColumns()
        units = plan(find_table_files([f"{s3_bucket}/{name}"]), columns, 64).units
        remote = [row for unit in units for row in read_unit(unit, columns).documents.table.to_pylist()]
        assert len(units) == 5
        assert remote == read_all(path, unit_rows=64)[0]
        assert len(remote) == len(ROWS)


def test_an_object_that_changed_since_it_was_listed_is_an_error(s3_bucket):
    put_names(s3_bucket, "a.csv")
    (file,) = find_table_files([s3_bucket])
    put(s3_bucket, **{"a.csv": b"other"[:3]})
    with pytest.raises(DataError, match="had 5 bytes when it was listed and has 3 now"):
        open_input(file)
    obstore.delete(from_url(s3_bucket), "a.csv")
    with pytest.raises(DataError, match=r"a.csv: cannot be read"):
        open_input(file)


def listed(uri, bucket):
    """(names of files, name → reason of what is not read)."""
    found = list_files([uri])
    return names_of(found.files, bucket), {it.uri.removeprefix(f"{bucket}/"): it.reason for it in found.unread}


def test_what_a_prefix_holds_and_is_not_read_is_named(s3_bucket):
    put_names(
        s3_bucket, "in/a.csv", "in/readme.md", "in/sub/b.jsonl", "in/_SUCCESS", "in/dataset_info.json", "in/state.json"
    )
    put(s3_bucket, **{"in/empty.csv": b""})
    assert listed(f"{s3_bucket}/in", s3_bucket) == (
        ["in/a.csv", "in/sub/b.jsonl"],
        {"in/readme.md": "unknown ending", "in/empty.csv": "it is empty: 0 bytes"},
    )


def test_keys_that_storage_allows_and_paths_do_not_are_skipped_with_their_folder_and_named(s3_bucket):
    put_names(s3_bucket, "in/a.csv", "in/good/b.csv", "in/data[1].csv", "in/%41 #?.csv")
    for key in ("in/twice//c.csv", "in/dot/./d.csv", "in/marker.csv/"):
        put_any_key(s3_bucket, key, b"" if key.endswith("/") else b"doc_id,text\n1,a\n")
    files, unread = listed(f"{s3_bucket}/in", s3_bucket)
    assert files == ["in/%41 #?.csv", "in/a.csv", "in/data[1].csv", "in/good/b.csv"]
    assert unread.keys() == {"in/twice", "in/dot", "in/marker.csv"}
    assert unread["in/dot"] == "it cannot be listed: keys in it begin with in/dot/./, which is no path: rename them"


def test_empty_objects_that_stand_for_folders_are_neither_read_nor_named(s3_bucket):
    put(
        s3_bucket,
        **{"in/a.csv": b"doc_id,text\n", "in/v1.0/b.csv": b"doc_id,text\n", "in/c_$folder$": b"", "in/d.md": b""},
    )
    for key in ("in/", "in/v1.0/", "in/empty/"):
        put_any_key(s3_bucket, key, b"")
    assert listed(f"{s3_bucket}/in", s3_bucket) == (["in/a.csv", "in/v1.0/b.csv"], {"in/d.md": "unknown ending"})


def test_a_key_whose_name_looks_like_a_glob_is_itself(s3_bucket):
    put_names(s3_bucket, "data[1].csv", "data1.csv", "odd[x]/a.csv")
    assert names_of(find_table_files([f"{s3_bucket}/data[1].csv"]), s3_bucket) == ["data[1].csv"]
    assert names_of(find_table_files([f"{s3_bucket}/data[12].csv"]), s3_bucket) == ["data1.csv"]
    assert names_of(find_table_files([f"{s3_bucket}/odd[x]"]), s3_bucket) == ["odd[x]/a.csv"]


def test_what_encore_wrote_itself_below_a_prefix_is_no_input(s3_bucket):
    put_names(
        s3_bucket, "in/a.csv", "in/features/store.json", "in/features/manifests/1.json", "in/features/lists/x.parquet"
    )
    put_names(s3_bucket, "in/scores/predictions.json", "in/scores/manifests/1.json", "in/scores/head=a/x.parquet")
    put_names(s3_bucket, "in/heads/topic/head.json", "in/heads/topic/weights.safetensors")
    assert listed(f"{s3_bucket}/in", s3_bucket) == (["in/a.csv"], {})


def test_a_glob_passes_over_what_a_prefix_passes_over_unless_it_names_that(s3_bucket):
    put_names(s3_bucket, *GLOBBED)
    for pattern, names in GLOBS.items():
        if names:
            assert listed(f"{s3_bucket}/{pattern}", s3_bucket) == (names, {}), pattern
            continue
        with pytest.raises(UsageError, match="no object matches"):
            find_table_files([f"{s3_bucket}/{pattern}"])


def test_a_glob_that_matches_prefixes_stands_for_the_objects_below_them(s3_bucket):
    put_names(s3_bucket, "day=1/a.csv", "day=2/b/c.csv", "day=2/_SUCCESS", "day=2/readme.md", "night=1/d.csv")
    put_any_key(s3_bucket, "day=3/", b"")
    assert listed(f"{s3_bucket}/day=*", s3_bucket) == (
        ["day=1/a.csv", "day=2/b/c.csv"],
        {"day=2/readme.md": "unknown ending"},
    )


def test_columns_in_the_names_of_prefixes_are_found(s3_bucket):
    put_names(s3_bucket, "in/section=sport/day=1/a.csv", "in/b.csv")
    whole = {file.uri.rpartition("/")[2]: file.partitions for file in find_table_files([f"{s3_bucket}/in"])}
    assert whole == {"a.csv": (("section", "sport"), ("day", "1")), "b.csv": ()}
    (one,) = find_table_files([f"{s3_bucket}/in/section=sport/day=1/a.csv"])
    assert one.partitions == (("section", "sport"), ("day", "1"))


def test_a_file_under_two_names_of_its_storage_counts_once_and_keys_stay_as_they_are(s3_bucket):
    put_names(s3_bucket, "in%20#?/a.csv", "in #?/b.csv")
    alias = s3_bucket.replace("s3://", "s3a://")
    inputs = [f"{alias}/in%20#?/a.csv", f"{s3_bucket}/in%20#?/a.csv", f"{alias}/in%20#"]
    assert names_of(find_table_files(inputs[:2]), s3_bucket) == ["in%20#?/a.csv"]
    with pytest.raises(UsageError, match="no such object"):
        find_table_files(inputs[2:])
