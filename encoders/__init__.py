"""Text to activations: frozen encoders, tokenization, token-budget batches, layer and position pooling."""

from encoders.documents import DOCUMENT_COLUMNS, DocumentBlock
from encoders.encoder import Encoder
from encoders.extract import FeatureExtractor
from encoders.extraction import Extraction, Rejection
from encoders.load import load_encoder

__all__ = [
    "DOCUMENT_COLUMNS",
    "DocumentBlock",
    "Encoder",
    "Extraction",
    "FeatureExtractor",
    "Rejection",
    "load_encoder",
]
