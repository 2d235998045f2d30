from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from encore.featurestore.errors import UsageError
from encore.featurestore.storage import Objects
from encore.featurestore.storage import google_credentials as google
from encore.featurestore.storage.google_credentials import NAMES, has_metadata_server, require_credentials


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A machine without credentials, and without a metadata server."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(google, "METADATA", ("127.0.0.1", 1))
    has_metadata_server.cache_clear()
    yield
    has_metadata_server.cache_clear()


def test_without_credentials_the_variable_is_named_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(UsageError, match=r"gs://bucket/store: no credentials; set GOOGLE_APPLICATION_CREDENTIALS"):
        Objects.open("gs://bucket/store")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("name", [*NAMES, "google_service_account"])
def test_a_variable_that_says_who_asks_is_enough(name: str) -> None:
    require_credentials("gs://bucket/store", {name: "x"})
    with pytest.raises(UsageError):
        require_credentials("gs://bucket/store", {name: ""})


def test_the_file_of_a_login_is_enough(tmp_path: Path) -> None:
    (tmp_path / google.DEFAULT_FILE).parent.mkdir(parents=True)
    (tmp_path / google.DEFAULT_FILE).touch()
    require_credentials("gs://bucket/store", {})


def test_a_machine_of_google_cloud_has_some(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(google, "METADATA", server.getsockname())
        require_credentials("gs://bucket/store", {})


def test_other_storage_is_not_asked_about() -> None:
    for uri in ("s3://bucket/store", "az://container/store", "/folder"):
        require_credentials(uri, {})
