"""Activations to disk and back: feature specs, quantizers, segments, manifests, snapshots."""

from featurestore.blocks import INDEX_SCHEMA, FeatureBlock
from featurestore.commit import Change, commit
from featurestore.errors import (
    CommitConflict,
    DataError,
    EncoreError,
    JobError,
    SpecMismatch,
    StoreError,
    UsageError,
)
from featurestore.layers import LayerPooling
from featurestore.quantizers import Quantizer, parse_quantizer
from featurestore.spec import EncoderSpec, FeatureSpec, TextSpec
from featurestore.store import Store

__all__ = [
    "INDEX_SCHEMA",
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
    "Store",
    "StoreError",
    "TextSpec",
    "UsageError",
    "commit",
    "parse_quantizer",
]
