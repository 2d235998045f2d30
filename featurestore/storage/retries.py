"""Requests to storage that are made again after they failed for a moment.

The storage client (object_store's) makes most requests again by itself: after a connection that broke, a 5xx, a GET
whose body came in part. It does not repeat a create whose answer was lost: it cannot know whether the object that it
then finds is its own. Nor does it repeat any other request whose answer came in part: a listing, or the end of an
upload.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from obstore.exceptions import GenericError

PATIENCE = timedelta(seconds=60)
"""The time for which a request is made again; the client's own three minutes are long where an endpoint is misspelt."""
TRIES = 5
"""Maximum number of tries of a request that the client does not make again by itself."""
TRIES_BESIDE_VACUUM = 5
"""Maximum number of tries of work on many objects while a vacuum or another job removes some of them."""
GAVE_UP = re.compile(r"after (\d+) retries, max_retries: \1\b|status code: 404")
"""The client's words after its own last try, and if there is nothing to list."""

T = TypeVar("T")


def again(request: Callable[[], T]) -> T:
    """The result of a request; if storage says neither yes nor no, it is made again, at most `TRIES` times in all.

    Args:
        request: may be made more than once.

    Raises:
        GenericError: the last failure.
    """
    end = time.monotonic() + PATIENCE.total_seconds()
    for failures in range(1, TRIES):
        try:
            return request()
        except GenericError as error:
            if time.monotonic() > end or GAVE_UP.search(str(error)):
                raise
        time.sleep(random.uniform(0, 0.1 * 2**failures))  # noqa: S311 (no secret)
    return request()
