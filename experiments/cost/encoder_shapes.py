"""The sizes of an encoder that decide what a pass through it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

from encore.featurestore.errors import UsageError

FEED_FORWARD_WIDTHS = ("intermediate_size", "hidden_dim", "d_ff", "ffn_dim", "encoder_ffn_dim", "n_inner")
"""Names that architectures use for the inner width of the feed-forward part."""

GATED = frozenset(
    {
        "modernbert",
        "eurobert",
        "nomic_bert",
        "llama",
        "mistral",
        "qwen2",
        "qwen3",
        "gemma",
        "gemma2",
        "gemma3_text",
        "phi3",
    }
)
"""Architectures whose feed-forward part has a third matrix (the gate) although no setting says so."""


@dataclass(frozen=True)
class EncoderShape:
    """The sizes of an encoder that the counts need.

    Attributes:
        name: name for people.
        num_layers: Transformer layers L.
        hidden_size: width d of a token vector.
        layer_weights: weights in one layer's matrices; each token is multiplied once by each matrix; 12 d² in BERT.
        attention_width: width of the queries of one layer, all heads together; d in BERT.
    """

    name: str
    num_layers: int
    hidden_size: int
    layer_weights: int
    attention_width: int

    @classmethod
    def of_bert(cls, name: str, num_layers: int, hidden_size: int, intermediate_size: int) -> Self:
        """A layer as in BERT: four d × d matrices of attention and two of the feed-forward part."""
        weights = 4 * hidden_size**2 + 2 * hidden_size * intermediate_size
        return cls(name, num_layers, hidden_size, weights, hidden_size)

    @property
    def size(self) -> int:
        """Layers × width. It is proportional to the FLOPs of a token for each byte of its features."""
        return self.num_layers * self.hidden_size

    def pass_flops(self, tokens: int) -> int:
        """FLOPs of one pass over a text (paper, table 3); a multiply-add counts as two.

        With inner width 4 d this is L · (24 d² + 4 T d) · T. Embeddings, norms, softmax and activations are not
        counted.

        Args:
            tokens: T, special tokens included.
        """
        return self.num_layers * (2 * self.layer_weights + 4 * tokens * self.attention_width) * tokens


BUILT_IN: Mapping[str, EncoderShape] = MappingProxyType(
    {
        shape.name: shape
        for shape in (
            EncoderShape.of_bert("roberta-large", 24, 1024, 4096),
            EncoderShape.of_bert("roberta-base", 12, 768, 3072),
            EncoderShape.of_bert("distilroberta", 6, 768, 3072),
            EncoderShape.of_bert("bert-base", 12, 768, 3072),
            EncoderShape.of_bert("minilm", 6, 384, 1536),
        )
    }
)
"""Encoders that are known by name, without an installed package or a network."""


def encoder_shape(name: str) -> EncoderShape:
    """The shape of a built-in encoder, or of the one whose config.json is found under this name.

    Args:
        name: a key of `BUILT_IN`; ``hf:ID``; a directory; or else a hub id. Weights are not needed.

    Raises:
        UsageError: no such encoder, or a config.json that does not say how large its layers are.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    # Import here: transformers takes five seconds of processor time, and built-in encoders do not need it.
    from encore.encoders.files import find_files  # noqa: PLC0415
    from encore.encoders.loading import load_config  # noqa: PLC0415

    try:
        files = find_files(name, ("config.json",))
    except UsageError as error:
        raise UsageError(f"{error}; known without files: {', '.join(BUILT_IN)}") from error
    return _of_config(files.name, load_config(files))


def _of_config(name: str, config: Any) -> EncoderShape:
    d, layers, heads = (
        getattr(config, field, None) for field in ("hidden_size", "num_hidden_layers", "num_attention_heads")
    )
    inner = next(
        (width for field in FEED_FORWARD_WIDTHS if isinstance(width := getattr(config, field, None), int)), None
    )
    if inner is None and isinstance(d, int) and hasattr(config, "n_inner"):
        # GPT-2 and similar models leave it out where it has the usual value.
        inner = 4 * d
    if not (isinstance(d, int) and isinstance(layers, int) and isinstance(heads, int) and inner):
        raise UsageError(
            f"encoder {name}: its config.json ({config.model_type}) does not give the width of its layers, their"
            f" number, attention heads and inner width; known without files: {', '.join(BUILT_IN)}"
        )
    head_width = getattr(config, "head_dim", None) or getattr(config, "d_kv", None) or d // heads
    query_width = heads * head_width
    # Grouped attention has fewer keys and values than queries.
    key_width = (getattr(config, "num_key_value_heads", None) or heads) * head_width
    gated = getattr(config, "is_gated_act", False) or config.model_type in GATED
    weights = 2 * d * query_width + 2 * d * key_width + (3 if gated else 2) * d * inner
    return EncoderShape(name, layers, d, weights, query_width)
