"""Activations to disk and back: feature specs, quantizers, segments, manifests, snapshots."""

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.commits import Change, commit
from encore.featurestore.documents import INDEX_SCHEMA, FeatureBlock
from encore.featurestore.errors import (
    CommitConflict,
    DataError,
    EncoreError,
    JobError,
    SpecMismatch,
    StoreError,
    UsageError,
)
from encore.featurestore.layers import LayerPooling
from encore.featurestore.quantizers import Quantizer, parse_quantizer
from encore.featurestore.spec import EncoderSpec, FeatureSpec, TextSpec

__all__ = [
    "INDEX_SCHEMA",
    "Catalogue",
    "Change",
    "CommitConflict",
    "DataError",
    "EncoderSpec",
    "EncoreError",
    "FeatureBlock",
    "FeatureSpec",
    "JobError",
    "LayerPooling",
    "Quantizer",
    "SpecMismatch",
    "StoreError",
    "TextSpec",
    "UsageError",
    "commit",
    "parse_quantizer",
]
