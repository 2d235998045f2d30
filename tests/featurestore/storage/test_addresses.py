"""What users name, read in one place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import AzureStore, GCSStore, S3Store, from_url

from encore.featurestore.errors import UsageError
from encore.featurestore.storage.addresses import Address, masked

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


@pytest.mark.parametrize(
    "text",
    [
        "s3://key:TOPSECRET@bucket/x",
        "s3://TOPSECRET@bucket/x",
        "S3A://key:TOP/SECRET@bucket/x",
        "s3://key:TOPSECRET/a@b@bucket/x",
        "s3://key%3ATOPSECRET%40bucket/x",
        "s3:/key:TOPSECRET@bucket/x",
        "s3:key:TOPSECRET@bucket/x",
        "gs://key:TOPSECRET@bucket",
        "https://user:TOPSECRET@host/x",
        "https://user:TOP?SECRET@host/x",
        "https://user:TOP#SECRET@host/x",
        "file://user:TOPSECRET@host/x",
        "ftp://user:TOPSECRET@host/x",
        "ftp://user:{TOPSECRET}@host/x",
        "hf://user:TOPSECRET@datasets/x",
        "hdfs://user:TOPSECRET@name/x",
        "dbfs:/user:TOPSECRET@name/x",
        "az://container:TOPSECRET@account.blob.core.windows.net/x",
        "s3://bucket/x?X-Amz-Algorithm=a&X-Amz-Signature=TOPSECRET",
        "s3://bucket/x?X-Amz-Credential=TOPSECRET&y=1",
        "s3://bucket/x?AWSAccessKeyId=TOPSECRET",
        "s3://bucket/x?X%2DAmz%2DSignature=TOPSECRET",
        "s3://bucket?x-amz-security-token=TOPSECRET",
        "gs://bucket/x?X-Goog-Signature=TOPSECRET",
        "az://container/x?sv=2024&sig=TOPSECRET",
        "abfss://c@account.dfs.core.windows.net/x?sig=TOPSECRET",
        "https://host/x?token=TOPSECRET",
        "https://host/x?a=b&access_token=TOPSECRET",
        "https://host/x#password=TOPSECRET",
        "https://host/x;api_key=TOPSECRET",
        "ftp://host/x?sig=TOPSECRET",
    ],
)
def test_a_secret_in_a_url_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        Address.parse(text)
    assert "SECRET" not in f"{raised.value!r} {raised.value.__cause__!r}"


def test_what_is_refused_is_named_by_what_may_be_repeated() -> None:
    with pytest.raises(UsageError, match=r"^s3://…@bucket/x: names an account; credentials belong in the environment"):
        Address.parse("s3://key:secret@bucket/x")
    with pytest.raises(UsageError, match=r"^az://container/x\?…: holds a key or a signature; credentials belong"):
        Address.parse("az://container/x?sv=2024&sig=secret")


@pytest.mark.parametrize(
    "text",
    ["/data/user:pw@host?token=x", "a@b:c.parquet", "./s3://k:s@b", "file:///data/a@b?sig=x", "user:pw@host/x"],
)
def test_local_paths_may_hold_all_of_these_signs(text: str) -> None:
    assert Address.parse(text).path == text.removeprefix("file://")


@pytest.mark.parametrize("key", ["a@b", "mail@host/x?y=1", "x?page=2", "x#1", "year=2024&key=b", "?v=1", "tokens=5"])
def test_keys_of_objects_may_hold_what_grants_no_access(key: str) -> None:
    assert Address.parse(f"s3://bucket/{key}").path == key


def test_words_of_libraries_lose_the_credentials_in_their_urls() -> None:
    said = "error for url (https://user:TOPSECRET@host:1/b/x?sv=1&sig=TOPSECRET): no, http://a/b@c"
    assert masked(said) == "error for url (https://…@host:1/b/x?sv=1&sig=…): no, http://a/b@c"


@pytest.mark.parametrize("key", ["a//b", "/a", "a/./b", "a/../b", "..", "."])
def test_keys_that_the_client_would_read_as_others_are_kept_and_not_opened(key: str) -> None:
    address = Address.parse(f"s3://bucket/{key}")
    assert address.path == key
    with pytest.raises(UsageError, match="between its slashes"):
        _ = address.request


def test_the_home_of_a_user_who_has_none_is_refused() -> None:
    with pytest.raises(UsageError, match="no such user"):
        _ = Address.parse("~nobody-of-that-name/x").local
