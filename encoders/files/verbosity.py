"""Loading without chatter: transformers reports each load on the terminal, where jobs show their own progress."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR

from transformers.utils import logging

_LOCK = threading.Lock()
"""What transformers prints is a setting of the process: one load at a time may change it."""


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence transformers' warnings and progress bars inside; put its settings back after."""
    with _LOCK:
        verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity(ERROR)
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()  # type: ignore[no-untyped-call]
