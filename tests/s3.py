"""A real S3 protocol without a network: moto's server over HTTP on loopback, started once for all tests."""

from __future__ import annotations

import threading
import urllib.request
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

REGION = "us-east-1"
UNWANTED = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_CONFIG_FILE")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """URL of a running S3 server."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - a second that tests without S3 need not wait

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    assert server._server is not None
    server._server.app = _one_at_a_time(server._server.app)
    server._server.log_startup = lambda: None
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """``s3://…`` URI of a new bucket, with the environment that leads there."""
    bucket = f"encore-{uuid.uuid4().hex[:12]}"
    for name in UNWANTED:
        monkeypatch.delenv(name, raising=False)
    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT": s3_endpoint,
        "AWS_ALLOW_HTTP": "true",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    request = urllib.request.Request(f"{s3_endpoint}/{bucket}", method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200
    return f"s3://{bucket}"


def _one_at_a_time(app: Any) -> Any:
    """moto looks whether an object exists and writes it in two steps, where S3 does both in one."""
    lock = threading.Lock()

    def locked(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with lock:
            return list(app(environ, start_response))

    return locked
