"""What a storage client says, and what is made of it."""

from __future__ import annotations

import pytest
from obstore.exceptions import BaseError, GenericError, PermissionDeniedError, UnauthenticatedError

from encore.featurestore.errors import UsageError
from encore.featurestore.storage.refusals import refusal, require_plain_endpoint

CREDENTIALS = "see that the environment holds credentials which may read and write there"
GET = "Generic S3 error: Error performing GET http://host:1/bucket/store.json?x=1 in 1.1ms"
STATUS = "Server returned non-2xx status code:"
METADATA = "Error performing PUT http://169.254.169.254/latest/api/token in 1s - HTTP error: error sending request"
SEND = ", after 10 retries, max_retries: 10 - HTTP error: error sending request"
DISK = "Generic LocalFileSystem error: Unable to copy data to file: "


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (
            PermissionDeniedError(f"{GET} - {STATUS} 403 Forbidden: <Error><Code>AccessDenied</Code></Error>\n\nDebug"),
            f"not allowed (403 AccessDenied); {CREDENTIALS}",
        ),
        (UnauthenticatedError(f"No: {GET} - {STATUS} 401 Unauthorized: "), f"not allowed (401); {CREDENTIALS}"),
        (
            GenericError(METADATA),
            f"no credentials; {CREDENTIALS}",
        ),
        (
            GenericError(f"Generic S3 error: {METADATA}"),
            f"no credentials; {CREDENTIALS}, for example AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (
            GenericError("Generic MicrosoftAzure error: Account must be specified"),
            "no credentials; set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        ),
        (
            GenericError("Generic MicrosoftAzure error: GET http://host:1/c in 27.3µs - HTTP error: builder error"),
            "Encore does not connect to http://host:1; an endpoint of http:// needs AZURE_ALLOW_HTTP=true",
        ),
        (
            FileNotFoundError("Object at location x not found: 404 Not Found: <Code>ContainerNotFound</Code>"),
            "no such bucket or container; correct the URI, or make it",
        ),
        (
            GenericError(f"{GET} - Received redirect without LOCATION, this normally indicates …"),
            "the bucket is in another region; set AWS_REGION to that one",
        ),
        (
            GenericError(f"{GET}{SEND}"),
            "no answer from http://host:1; see that it is right and can be reached, and run again",
        ),
        (
            GenericError(f"{GET} - HTTP error: builder error"),
            "Encore does not connect to http://host:1; an endpoint of http:// needs AWS_ALLOW_HTTP=true",
        ),
        (
            GenericError(f"{GET}, after 10 retries - {STATUS} 503 Service Unavailable: <Code>SlowDown</Code>"),
            "http://host:1 fails (503 SlowDown); run the command again",
        ),
        (
            FileNotFoundError(f"Object at location x not found: {GET} - 404 Not Found: <Code>NoSuchBucket</Code>"),
            "no such bucket or container; correct the URI, or make it",
        ),
        (
            GenericError(f"{DISK}No space left on device (os error 28)"),
            "No space left on device; make room, and run the command again",
        ),
        (
            GenericError(f"{DISK}Read-only file system (os error 30)"),
            "Read-only file system; see who may read and write there",
        ),
        (
            PermissionDeniedError(f"{DISK}Permission denied (os error 13)"),
            "Permission denied; see who may read and write there",
        ),
        (GenericError("Generic LocalFileSystem error: Requested range was invalid"), "Requested range was invalid"),
        (
            GenericError(f"{DISK}Is a directory (os error 21)"),
            "Unable to copy data to file: Is a directory (os error 21)",
        ),
        (GenericError("something new"), "something new"),
        (GenericError(""), "GenericError"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(error: BaseError, meaning: str) -> None:
    assert refusal(error) == meaning


def test_a_refusal_repeats_no_signature_of_the_client() -> None:
    url = "https://u:TOPSECRET@host/c/x?sv=1&sig=TOPSECRET&token=TOPSECRET"
    assert "TOPSECRET" not in refusal(
        GenericError(f"Generic MicrosoftAzure error: Error performing GET {url} in 1ms - odd")
    )
    assert "TOPSECRET" not in refusal(GenericError(f"x error: https://host/x?sig=TOPSECRET{SEND}"))


@pytest.mark.parametrize(
    "name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT", "aws_endpoint_url_s3", "AZURE_STORAGE_ENDPOINT", "GOOGLE_BASE_URL"]
)
def test_an_endpoint_with_credentials_in_it_is_refused_by_the_name_of_its_variable(name: str) -> None:
    for value in ("http://user:TOPSECRET@host:1", "https://host/?sig=TOPSECRET", "user:TOPSECRET@host"):
        with pytest.raises(UsageError, match=f"^{name}: has credentials in it") as raised:
            require_plain_endpoint({name: value})
        assert "TOPSECRET" not in str(raised.value)


def test_other_endpoints_and_variables_are_left_alone() -> None:
    proxy = {"AWS_PROXY_URL": "http://user:pw@host", "HTTPS_PROXY": "http://u:p@h", "AWS_CONTAINER_CREDENTIALS": "a@b"}
    require_plain_endpoint({**proxy, "AWS_ENDPOINT_URL": "http://127.0.0.1:9000", "AZURE_ENDPOINT": "https://h/x"})
