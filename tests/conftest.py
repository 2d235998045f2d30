"""Settings of every test."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from encore.featurestore.storage.sync import NO_SYNC
from tests.s3 import s3_bucket, s3_endpoint

__all__ = ["s3_bucket", "s3_endpoint"]

# How long an example takes says more about the machine's load than about the code.
settings.register_profile("encore", deadline=None, print_blob=True)
settings.load_profile("encore")

# The tensors of tests are tiny: threads would spend their time waiting for each other.
torch.set_num_threads(1)

# Nothing is synced: only tests of durability need syncs, and they take this back. Worker processes see it too.
os.environ[NO_SYNC] = "1"


# Tests read English. Without this, each message of an argument parser looks for translations in the file system.
os.environ["LANGUAGE"] = "C"


# Tests make and remove many small files. In memory that takes less of the processor's time.
MEMORY, ENOUGH = Path("/dev/shm"), 4 << 30
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes are called by their number: some hold the time, and every process must give a test the same name."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None
