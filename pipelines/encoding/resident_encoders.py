"""One encoder a process. The job, which needs its digests, and the worker threads, which run it, share it."""

from __future__ import annotations

from threading import Lock
from weakref import WeakValueDictionary

from encore.encoders import Encoder, load_encoder

_loaded: WeakValueDictionary[tuple[str, str, str], Encoder] = WeakValueDictionary()
"""What is in use now; nothing is kept alive. A runner pickles what it hands to workers, so that even in one process
a loaded model can only be found again by its name."""
_lock = Lock()


def resident_encoder(name: str, *, device: str, dtype: str) -> Encoder:
    """The encoder of that name. It is loaded unless something in this process still refers to it.

    Raises:
        UsageError: as `load_encoder` does.
    """
    with _lock:
        encoder = _loaded.get((name, device, dtype))
        if encoder is None:
            encoder = load_encoder(name, device=device, dtype=dtype)
            _loaded[name, device, dtype] = encoder
        return encoder
