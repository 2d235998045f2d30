"""What loading says of an encoder that it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from encore.encoders import load_encoder
from encore.featurestore.errors import UsageError


def refused(path: Path) -> str:
    """The words, one line or two, with which the encoder at ``path`` is refused; fails where it is taken."""
    with pytest.raises(UsageError) as caught:
        load_encoder(str(path), device="cpu")
    assert len(str(caught.value).splitlines()) <= 2
    return str(caught.value)
