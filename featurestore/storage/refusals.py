"""What an error of the storage client means to the user; its own text stays in the exception's cause."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

from encore.featurestore.common import first_line
from encore.featurestore.errors import UsageError
from encore.featurestore.storage.addresses import masked, without_credentials

URL = re.compile(r"https?://[^\s?]+")
STATUS = re.compile(r"status code: (\d+)")
CODE = re.compile(r"<Code>(\w+)</Code>")
DISK = re.compile(r"([^:]+) \(os error (\d+)\)$")
METADATA_SERVICES = ("169.254.169.254", "169.254.170.2", "metadata.google.internal")
"""Where clients look for credentials that the environment does not give."""
FULL_DISK = (28, 122)
NOT_ALLOWED = (1, 13, 30)

ENDPOINT = re.compile(r"(?:AWS|AZURE|GOOGLE)_(?:\w*ENDPOINT\w*|(?:BASE_)?URL)", re.IGNORECASE)
KEYS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"

CREDENTIALS = "see that the environment holds credentials which may read and write there"
VARIABLES = {
    "S3": KEYS,
    "GCS": "GOOGLE_APPLICATION_CREDENTIALS, the path of a key file",
    "MicrosoftAzure": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
"""Storage, as the client calls it → the environment variables that mostly hold credentials."""
PLAIN_HTTP = {"MicrosoftAzure": "AZURE_ALLOW_HTTP"}
SERVICE = re.compile(r"Generic (\w+) error")

NO_BUCKET = re.compile("NoSuchBucket|ContainerNotFound")
"""Codes for a bucket or container that is not there; for a listing, the client gives it after the first line."""

MEANINGS = {
    "Account must be specified": f"no credentials; set {VARIABLES['MicrosoftAzure']}",
    "redirect without LOCATION": "the bucket is in another region; set AWS_REGION to that one",
    "builder error": "Encore does not connect to {endpoint}; an endpoint of http:// needs {plain}=true",
    "error sending request": "no answer from {endpoint}; see that it is right and can be reached, and run again",
}
"""Words of the client → what they mean."""


def require_plain_endpoint(environment: Mapping[str, str]) -> None:
    """Check that no endpoint of the environment holds credentials: the client's messages would repeat them.

    Raises:
        UsageError: one does; the text names the variable alone.
    """
    for name, value in environment.items():
        if ENDPOINT.fullmatch(name) and without_credentials(value) != value:
            raise UsageError(f"{name}: has credentials in it; put them into variables of their own, such as {KEYS}")


def refusal(error: Exception) -> str:
    """What storage refused and what to do about it, in one line."""
    text = masked(first_line(error))
    if NO_BUCKET.search(str(error)):
        return "no such bucket or container; correct the URI, or make it"
    service = found[1] if (found := SERVICE.search(text)) else ""
    url = urlsplit(found[0]) if (found := URL.search(text)) else urlsplit("")
    if url.hostname in METADATA_SERVICES:
        wanted = VARIABLES.get(service)
        return f"no credentials; {CREDENTIALS}{f', for example {wanted}' if wanted else ''}"
    if url.hostname and isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return f"not allowed{_status(text)}; {CREDENTIALS}"
    for sign, meaning in MEANINGS.items():
        if sign in text:
            plain = PLAIN_HTTP.get(service, "AWS_ALLOW_HTTP")
            return meaning.format(endpoint=f"{url.scheme}://{url.netloc}", plain=plain)
    if (status := STATUS.search(text)) and status[1].startswith("5"):
        return f"{url.scheme}://{url.netloc} fails{_status(text)}; run the command again"
    return _of_disk(text)


def disk_refusal(error: OSError) -> str:
    """What the system refused and what to do about it, in one line."""
    return _of_disk(f"{error.strerror or error} (os error {error.errno})")


def _of_disk(text: str) -> str:
    """The system's own words, and what to do; any other text without the client's name for itself."""
    found = DISK.search(text)
    number = int(found[2]) if found else None
    if found and number in FULL_DISK:
        return f"{found[1].strip()}; make room, and run the command again"
    if found and number in NOT_ALLOWED:
        return f"{found[1].strip()}; see who may read and write there"
    return text.partition(" error: ")[2] or text


def _status(text: str) -> str:
    """`` (403 AccessDenied)``, as far as it is known."""
    parts = [found[1] for pattern in (STATUS, CODE) if (found := pattern.search(text))]
    return f" ({' '.join(parts)})" if parts else ""
