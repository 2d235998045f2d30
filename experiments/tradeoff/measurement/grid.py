"""The grid of a trade-off report: ways to store features that can be derived from one store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from encore.featurestore import FeatureSpec, UsageError
from encore.featurestore.common import several
from encore.featurestore.derivation import Derivation
from encore.featurestore.layers import DEFAULT_MEAN
from encore.featurestore.quantizers import REGISTRY, parse_quantizer
from encore.featurestore.spec import POSITIONS


@dataclass(frozen=True)
class StorageSetting:
    """One way to store features.

    Attributes:
        layers: ``last``, ``layer:k``, ``mean:m`` or ``stack:m``, whose layers a head learns to weigh.
        positions: ``tokens`` (a head pools them by attention), ``mean`` or ``cls``.
        quantizer: canonical request.
    """

    layers: str
    positions: str
    quantizer: str

    @property
    def quantizer_name(self) -> str:
        """The quantizer's kind, with its options where they are not the usual ones."""
        kind = self.quantizer.split(":", maxsplit=1)[0]
        return kind if parse_quantizer(kind).request == self.quantizer else self.quantizer

    @property
    def name(self) -> str:
        """All three, for people."""
        return f"{self.layers} · {self.positions} · {self.quantizer_name}"

    def derivation(self, source: FeatureSpec) -> Derivation:
        """How these features come from a store's; the quantizer may still have to be calibrated.

        Raises:
            UsageError: the store does not hold what it takes.
        """
        return Derivation.build(source, self.layers, self.positions, parse_quantizer(self.quantizer))


def build_grid(
    source: FeatureSpec, layers: Sequence[str] = (), positions: Sequence[str] = (), quantizers: Sequence[str] = ()
) -> tuple[StorageSetting, ...]:
    """Every combination of the requested values. An axis without a request has all values that the store allows.

    Args:
        source: what the store holds.
        layers: layer poolings; unless given those of `default_layers`.
        positions: ``tokens``, ``mean``, ``cls``.
        quantizers: requests such as ``uint8:per-dimension``; unless given, one of each kind.

    Raises:
        UsageError: something asked for cannot be derived from the store.
    """
    layers, positions = several(layers, "layers"), several(positions, "positions")
    requests = [parse_quantizer(text).request for text in several(quantizers, "quantizers")]
    asked: tuple[Sequence[str | None], ...] = (layers or [None], positions or [None], requests or [None])
    for layer, position, request in product(*asked):
        Derivation.build(source, layer, position, None if request is None else parse_quantizer(request))
    axes = (
        layers or default_layers(source),
        positions or POSITIONS,
        requests or [parse_quantizer(kind).request for kind in REGISTRY] + [source.quantizer.request],
    )
    settings = dict.fromkeys(StorageSetting(*point) for point in product(*axes))
    return tuple(setting for setting in settings if _derivable(setting, source))


def left_out(source: FeatureSpec, positions: Sequence[str] = ()) -> str | None:
    """The reason why a default grid over a store of tokens has no ``cls``; None where it has ``cls``, or is no default.

    Args:
        source: what the store holds.
        positions: that were asked for.
    """
    if positions or source.positions != "tokens":
        return None
    try:
        replace(source, positions="cls")
    except UsageError as error:
        return str(error)
    return None


def default_layers(source: FeatureSpec) -> tuple[str, ...]:
    """From ``stack:m``: the last layer, the mean of the upper half, of 16 and of all m, and the stack; else as stored.

    The paper found the mean of 16 of 24 layers best (section 4).
    """
    stacked = source.layers.stacked
    if stacked is None:
        return (str(source.layers),)
    means = sorted(count for count in {stacked // 2, DEFAULT_MEAN, stacked} if 1 < count <= stacked)
    return ("last", *(f"mean:{count}" for count in means), f"stack:{stacked}")


def _derivable(setting: StorageSetting, source: FeatureSpec) -> bool:
    try:
        setting.derivation(source)
    except UsageError:
        return False
    return True
