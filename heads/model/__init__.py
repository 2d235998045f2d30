"""The modules of a head: layer mix, position poolings, classifier."""

from encore.heads.model.attention import AttentionPooling
from encore.heads.model.classifier import Classifier, DropoutFactors
from encore.heads.model.cls import ClsPooling
from encore.heads.model.layer_mix import LAYER_MIXES, LOGITS, LayerMix
from encore.heads.model.mean import MeanPooling
from encore.heads.model.network import HeadModel
from encore.heads.model.pair import PairPooling, compare_texts
from encore.heads.model.pooling import Pooling
from encore.heads.model.registry import (
    POOLINGS,
    check_kind,
    check_pooling,
    check_queries_of,
    default_pooling,
    kind_of,
)
from encore.heads.model.standardisation import Standardisation, Tensors

__all__ = [
    "LAYER_MIXES",
    "LOGITS",
    "POOLINGS",
    "AttentionPooling",
    "Classifier",
    "ClsPooling",
    "DropoutFactors",
    "HeadModel",
    "LayerMix",
    "MeanPooling",
    "PairPooling",
    "Pooling",
    "Standardisation",
    "Tensors",
    "check_kind",
    "check_pooling",
    "check_queries_of",
    "compare_texts",
    "default_pooling",
    "kind_of",
]
