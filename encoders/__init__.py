"""Text to activations: frozen encoders, tokenization, token-budget batches, layer and position pooling.

Names that need transformers are imported when they are first used: a backfill uses documents and devices, but no
encoder.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from encore.encoders.documents import DOCUMENT_COLUMNS, DocumentBlock
from encore.encoders.extraction import Extraction

if TYPE_CHECKING:
    from encore.encoders.extractor import FeatureExtractor
    from encore.encoders.loading import load_encoder
    from encore.encoders.transformer import Encoder

__all__ = [
    "DOCUMENT_COLUMNS",
    "DocumentBlock",
    "Encoder",
    "Extraction",
    "FeatureExtractor",
    "load_encoder",
]

_LATE = {"Encoder": "transformer.encoder", "FeatureExtractor": "extractor", "load_encoder": "loading.loader"}
"""Name that needs transformers → its module."""


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"encore.encoders.{_LATE[name]}"), name)
