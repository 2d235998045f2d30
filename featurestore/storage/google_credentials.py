"""Whether there can be credentials for Google Cloud Storage. Its client looks for them in vain for some 20 seconds."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from encore.featurestore.errors import UsageError
from encore.featurestore.storage.refusals import VARIABLES

SCHEME = "gs://"
NAMES = (
    *("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_KEY"),
    *("GOOGLE_SERVICE_ACCOUNT_PATH", "GOOGLE_SKIP_SIGNATURE", "GOOGLE_BEARER_TOKEN"),
)
"""Environment variables that say who asks."""
DEFAULT_FILE = Path(".config", "gcloud", "application_default_credentials.json")
"""Below the home folder, written by ``gcloud auth application-default login``."""
METADATA = ("metadata.google.internal", 80)
"""Gives credentials to machines of Google Cloud."""
PATIENCE = 2.0
"""Seconds to wait for it; where it is, it answers at once."""


def require_credentials(uri: str, environment: Mapping[str, str]) -> None:
    """Check that a bucket of Google Cloud is asked for with credentials, or from a machine that has some.

    Raises:
        UsageError: there are none.
    """
    names = {name.upper() for name, value in environment.items() if value}
    if not uri.startswith(SCHEME) or names & set(NAMES) or (Path.home() / DEFAULT_FILE).exists():
        return
    if not has_metadata_server():
        raise UsageError(f"{uri}: no credentials; set {VARIABLES['GCS']}")


@cache
def has_metadata_server() -> bool:
    """Whether this machine is one of Google Cloud's."""
    try:
        socket.create_connection(METADATA, PATIENCE).close()
    except OSError:
        return False
    return True
