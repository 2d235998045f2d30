"""The feature spec: what was computed, and its stable fingerprint.

A spec has two parts. The *request* is what a user can ask for, known before any work. The *calibration* is what the
quantizer measured. The fingerprint covers all that changes a stored number and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from encore.featurestore.errors import SpecMismatch, UsageError
from encore.featurestore.format import is_count
from encore.featurestore.layers import LayerPooling
from encore.featurestore.quantizers import Quantizer, parse_quantizer, quantizer_from_dict

POSITIONS = ("tokens", "cls", "mean")
"""Which positions are stored: every token, the first one, or their mean."""

MOST_LAYERS, MOST_FLOATS = 10_000, 1_000_000
"""Maximum number of layers of an encoder, and of floats of a vector: a hundred times those of the largest one."""

PER_DIMENSION = ("scale", "zero_point", "mean", "deviation", "median")
"""What a quantizer measures: one number, or one for each dimension."""

SUMMARY, CONSTANT, TEXT = "summary", "constant", "text"
"""What an encoder's first token is: a special one that sees the text, one that never does, or the text's own."""


@dataclass(frozen=True)
class EncoderSpec:
    """Identity of a frozen encoder, with its provenance.

    Attributes:
        weights: sha256 (hex) of the weights as loaded, independent of the file they came from.
        tokenizer: sha256 (hex) of the tokenizer.
        hidden_size: width d of a token vector.
        num_layers: number L of Transformer layers, the embedding layer not counted.
        compute_dtype: ``float32``, ``bfloat16`` or ``float16``: what the forward pass ran in.
        name: name for people; provenance.
        source: ``package:…``, ``hf:…`` or a path, as one would load it again; provenance.
        revision: hub revision or package version; provenance.
        first_token: `SUMMARY`, `CONSTANT` or `TEXT`; None if unknown. It follows from weights and tokenizer.

    Raises:
        UsageError: sizes that no encoder has.
    """

    weights: str
    tokenizer: str
    hidden_size: int
    num_layers: int
    compute_dtype: str = "float32"
    name: str = field(default="", compare=False)
    source: str = field(default="", compare=False)
    revision: str | None = field(default=None, compare=False)
    first_token: str | None = field(default=None, compare=False)

    NO_IDENTITY = ("name", "source", "revision", "first_token")

    def __post_init__(self) -> None:
        # A spec may come from a file, and these numbers decide how much memory is taken: no encoder needs more.
        for what, size, most in (
            ("hidden size", self.hidden_size, MOST_FLOATS),
            ("number of layers", self.num_layers, MOST_LAYERS),
        ):
            if type(size) is not int or not 1 <= size <= most:
                raise UsageError(f"{what} {size!r}: expected 1 to {most:,}")
        if not isinstance(self.name, str) or not isinstance(self.source, str):
            raise UsageError("encoder: its name and its source are not text")
        texts = (self.weights, self.tokenizer, self.compute_dtype, self.revision or "", self.first_token or "")
        if not all(isinstance(text, str) for text in texts):
            raise UsageError("encoder: its digests, its type, its revision and its first token are not text")

    @property
    def no_summary(self) -> str | None:
        """Why the first vector does not sum up the text; None if it does, or if that is unknown."""
        name = self.name or "the encoder"
        reasons = {
            TEXT: f"{name} puts no special token first",
            CONSTANT: f"the first vector of {name} is the same for every text",
        }
        return reasons.get(self.first_token or SUMMARY)


@dataclass(frozen=True)
class TextSpec:
    """How text becomes tokens.

    Attributes:
        max_length: tokens a document may have, special tokens included; longer ones are truncated.
        truncation_side: ``right`` or ``left``: the side that is cut.
        pair: how a pair is joined; ``template`` is the tokenizer's own pair template.
        special_tokens: whether the vectors of special tokens are stored.
    """

    max_length: int
    truncation_side: str = "right"
    pair: str = "template"
    special_tokens: bool = True

    def __post_init__(self) -> None:
        if not is_count(self.max_length) or self.max_length < 1:
            raise UsageError(f"max length {str(self.max_length)[:20]}: expected at least 1 token")
        if not isinstance(self.special_tokens, bool):
            raise UsageError("special tokens: expected true or false")
        if self.truncation_side not in ("right", "left"):
            raise UsageError(f"truncation side {self.truncation_side!r}: expected right or left")
        if self.pair != "template":
            raise UsageError(f"pair {self.pair!r}: expected template")


@dataclass(frozen=True)
class FeatureSpec:
    """What one stored feature is.

    Attributes:
        encoder: the frozen encoder.
        text: how text becomes tokens.
        layers: layer pooling done before storage.
        positions: ``tokens``, ``cls`` or ``mean``.
        quantizer: the lossy numeric map, with its calibrated parameters once they are measured.
        derived_from: fingerprint of the richer store that these features were derived from; provenance.

    Raises:
        UsageError: the parts do not fit each other.
    """

    encoder: EncoderSpec
    text: TextSpec
    layers: LayerPooling
    positions: str
    quantizer: Quantizer
    derived_from: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        self.layers.check(self.encoder.num_layers)
        measured = {name: it for name, it in self.quantizer.to_dict().items() if name in PER_DIMENSION}
        if any(len(values) not in (1, self.width) for values in measured.values()):
            raise UsageError(f"quantizer {self.quantizer.request}: expected {self.width} of each of {list(measured)}")
        if not (self.derived_from is None or isinstance(self.derived_from, str)):
            raise UsageError("derived from: expected a fingerprint")
        if self.positions not in POSITIONS:
            raise UsageError(f"positions {self.positions!r}: expected one of {', '.join(POSITIONS)}")
        if self.positions == "cls":
            require_summary(self.encoder, "positions", special_tokens=self.text.special_tokens)

    def __str__(self) -> str:
        """A short form for people; two specs with the same short form may differ."""
        return f"{self.encoder.name} {self.layers} {self.positions} {self.quantizer.request}"

    @classmethod
    def build(
        cls, encoder: EncoderSpec, text: TextSpec, layers: str | None, positions: str, quantizer: str
    ) -> FeatureSpec:
        """A request from its texts on the command line; ``layers`` None takes the default."""
        pooling = LayerPooling.default(encoder.num_layers) if layers is None else LayerPooling.parse(layers)
        return cls(encoder, text, pooling, positions, parse_quantizer(quantizer))

    @property
    def width(self) -> int:
        """Floats in one vector."""
        return self.encoder.hidden_size

    @property
    def packed_shape(self) -> tuple[int, ...]:
        """Shape of one stored row: (packed width,), or (m, packed width) for ``stack:m``."""
        packed = self.quantizer.packed_width(self.width)
        return (packed,) if self.layers.stacked is None else (self.layers.stacked, packed)

    @property
    def row_bytes(self) -> int:
        """Payload bytes of one stored row (paper, table 2, per token)."""
        return self.quantizer.bytes_per_vector(self.width) * (self.layers.stacked or 1)

    def request(self) -> dict[str, Any]:
        """What was asked for: everything that changes a stored number and is known before calibration."""
        encoder = {k: v for k, v in asdict(self.encoder).items() if k not in EncoderSpec.NO_IDENTITY}
        return {
            "encoder": encoder,
            "text": asdict(self.text),
            "layers": str(self.layers),
            "positions": self.positions,
            "quantizer": self.quantizer.request,
        }

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) of the canonical JSON of all that changes a stored number.

        Raises:
            UsageError: the quantizer is not calibrated yet, so there are no stored numbers to speak of.
        """
        if not self.quantizer.calibrated:
            raise UsageError(
                f"quantizer {self.quantizer.request} has not been calibrated: its spec has no fingerprint yet"
            )
        identity = self.request() | {"calibration": self.quantizer.to_dict()}
        canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def with_quantizer(self, quantizer: Quantizer) -> FeatureSpec:
        """The same features under another, or a calibrated, quantizer."""
        return replace(self, quantizer=quantizer)

    def require_request(self, other: FeatureSpec, left: str, right: str) -> None:
        """Raise SpecMismatch unless both ask for the same; ``left`` and ``right`` name the sides in the message."""
        _require_equal(self.request(), other.request(), left, right)

    def require_same(self, other: FeatureSpec, left: str, right: str) -> None:
        """Raise SpecMismatch unless both hold the same numbers, calibration included."""
        mine, theirs = (s.request() | {"calibration": s.quantizer.to_dict()} for s in (self, other))
        _require_equal(mine, theirs, left, right)

    def to_dict(self) -> dict[str, Any]:
        """JSON with provenance; `from_dict` reads it back."""
        return {
            "encoder": asdict(self.encoder),
            "text": asdict(self.text),
            "layers": str(self.layers),
            "positions": self.positions,
            "quantizer": self.quantizer.to_dict(),
            "derived_from": self.derived_from,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> FeatureSpec:
        """Inverse of `to_dict`."""
        return cls(
            encoder=EncoderSpec(**document["encoder"]),
            text=TextSpec(**document["text"]),
            layers=LayerPooling.parse(document["layers"]),
            positions=document["positions"],
            quantizer=quantizer_from_dict(document["quantizer"]),
            derived_from=document["derived_from"],
        )


def require_summary(encoder: EncoderSpec, what: str, *, special_tokens: bool = True) -> None:
    """Raise UsageError unless the first vector of a document sums up its text, which ``cls`` needs.

    Args:
        encoder: the encoder of the vectors.
        what: what was asked to be ``cls``, for the error: ``positions`` or ``pooling``.
        special_tokens: whether the vectors of special tokens are stored.
    """
    reason = encoder.no_summary or (None if special_tokens else "special tokens are not stored")
    if reason is not None:
        raise UsageError(f"{what} cls: {reason}; take mean")


def _require_equal(mine: Mapping[str, Any], theirs: Mapping[str, Any], left: str, right: str) -> None:
    differences = _differences(mine, theirs)
    if differences:
        raise SpecMismatch(left, right, differences)


def _differences(a: Mapping[str, Any], b: Mapping[str, Any], prefix: str = "") -> dict[str, tuple[object, object]]:
    found: dict[str, tuple[object, object]] = {}
    for key in sorted(a.keys() | b.keys()):
        x, y = a.get(key), b.get(key)
        if isinstance(x, Mapping) and isinstance(y, Mapping):
            found |= _differences(x, y, f"{prefix}{key}.")
        elif x != y:
            found[prefix + key] = (_short(x), _short(y))
    return found


def _short(value: object) -> object:
    """Long values (per-dimension scales) are cut: a message is read by a person."""
    text = str(value)
    return value if len(text) <= 80 else f"{text[:77]}..."
