"""What users name, read in one place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import AzureStore, GCSStore, S3Store, from_url

from featurestore.addresses import Address
from featurestore.errors import UsageError

KEY = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(
    lambda key: {"", ".", ".."}.isdisjoint(key.split("/"))
)
"""Keys that the storage client takes."""


@given(KEY)
def test_the_storage_client_opens_exactly_the_folder_that_is_named(key: str) -> None:
    address = Address.parse(f"s3://bucket/{key}")
    assert (address.scheme, address.bucket, address.path) == ("s3", "bucket", key)
    opened = from_url(address.request)
    assert isinstance(opened, S3Store)
    assert opened.prefix == key
    assert Address.parse(str(address)) == address


@given(KEY)
def test_an_object_is_its_name_in_its_folder(key: str) -> None:
    address = Address.parse(f"gs://bucket/{key}")
    folder = address.parent.path
    assert "/" not in address.name
    assert key == (f"{folder}/{address.name}" if folder else address.name)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("s3a://bucket/x", "s3://bucket/x"),
        ("s3n://bucket", "s3://bucket"),
        ("S3://Bucket/X/", "s3://Bucket/X/"),
        ("gcs://my_bucket/x", "gs://my_bucket/x"),
        ("azure://container/x", "az://container/x"),
        ("adl://container/x", "az://container/x"),
        ("abfs://container/x", "az://container/x"),
        ("az://$web/x", "az://$web/x"),
        ("wasb://c@account.blob.core.windows.net/x", "abfss://c@account.dfs.core.windows.net/x"),
        ("wasbs://c@account.blob.core.windows.net/x#y", "abfss://c@account.dfs.core.windows.net/x#y"),
        ("abfss://c@account.dfs.core.windows.net/x", "abfss://c@account.dfs.core.windows.net/x"),
        ("https://bucket.s3.eu-west-1.amazonaws.com/x?y", "https://bucket.s3.eu-west-1.amazonaws.com/x?y"),
    ],
)
def test_other_names_of_a_place_are_written_as_its_first(text: str, canonical: str) -> None:
    assert str(Address.parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "kind", "place"),
    [
        ("s3n://bucket/a%20b", S3Store, {"bucket": "bucket"}),
        ("gcs://bucket/a%20b", GCSStore, {"bucket": "bucket"}),
        ("az://container/a%20b", AzureStore, {"container_name": "container"}),
        (
            "wasbs://c@account.blob.core.windows.net/a%20b",
            AzureStore,
            {"container_name": "c", "account_name": "account"},
        ),
    ],
)
def test_every_kind_of_storage_is_opened_with_the_key_as_it_stands(
    text: str, kind: type, place: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "other")
    opened = from_url(Address.parse(text).request)
    assert isinstance(opened, kind)
    assert opened.prefix == "a%20b"
    assert {name: opened.config[name] for name in place} == place


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/data/a b#c?d%20[1].csv", "/data/a b#c?d%20[1].csv"),
        ("file:///data/a%20b#c", "/data/a%20b#c"),
        ("FILE:///data/x", "/data/x"),
        ("file://localhost/data/x", "/data/x"),
        ("/data/s3:/x", "/data/s3:/x"),
        ("~/x", "/homes/me/x"),
    ],
)
def test_local_paths_stay_as_they_are(text: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/homes/me")
    assert Address.parse(text).local == Path(path)


def test_a_name_with_a_colon_in_it_is_a_local_name() -> None:
    assert Address.parse("report:2024.json").local == Path.cwd() / "report:2024.json"
    assert Address.parse("./s3:/x").local == Path.cwd() / "s3:/x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty name"),
        ("s3:/bucket/folder", "expected two slashes, as in s3://bucket/folder"),
        ("gs:bucket", "expected two slashes, as in gs://bucket"),
        ("s3:///bucket/folder", "expected two slashes, as in s3://bucket/folder"),
        ("s3://", "names no bucket"),
        ("s3://bucket?x=1", "names no bucket"),
        ("s3://bucket:9000/x", "names no bucket"),
        ("s3://bucket#x/y", "names no bucket"),
        ("file:/x", "expected three slashes and a path, as in file:///x"),
        ("file:x", "expected three slashes"),
        ("file://host/x", "expected three slashes"),
        ("dbfs:/mnt/x", "such as /dbfs/mnt/x"),
        ("dbfs:x", "such as /dbfs/x"),
        ("hdfs:/x", "HDFS is not read or written"),
        ("hdfs://name/x", "HDFS is not read or written"),
        ("hf://datasets/x", "download the files first"),
        ("ftp://host/x", "unknown scheme; known are s3://, gs://, az://"),
        ("odd:/x", "a local name with a colon as ./odd:/x"),
        ("memory:///x", "unknown scheme"),
        ("s3://bucket/\udcff", "not UTF-8"),
    ],
)
def test_what_is_no_address_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        Address.parse(text)


def test_a_secret_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match=r"^s3://…@bucket/x: names an account") as raised:
        Address.parse("s3://key:secret@bucket/x")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("key", ["a//b", "/a", "a/./b", "a/../b", "..", "."])
def test_keys_that_the_client_would_read_as_others_are_kept_and_not_opened(key: str) -> None:
    address = Address.parse(f"s3://bucket/{key}")
    assert address.path == key
    with pytest.raises(UsageError, match="between its slashes"):
        _ = address.request


def test_the_home_of_a_user_who_has_none_is_refused() -> None:
    with pytest.raises(UsageError, match="no such user"):
        _ = Address.parse("~nobody-of-that-name/x").local
