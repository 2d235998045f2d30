"""Settings: which features a head reads and how it pools them. Each is a row of the paper's tables."""

from __future__ import annotations

from dataclasses import dataclass, replace

from encore.featurestore import UsageError, parse_quantizer
from encore.featurestore.layers import LayerPooling
from encore.heads import TrainSettings

FLOAT = "float16"
"""Quantizer of features that count as not quantized."""


@dataclass(frozen=True)
class FeatureSetting:
    """One way to store features and to read them.

    Attributes:
        name: name in results.
        title: name in the paper's tables.
        layers: layer pooling before storage.
        positions: ``tokens``, ``cls`` or ``mean``: what is stored.
        pooling: position pooling of the head; None takes the one that `encore train` recommends.
        quantizer: request of the quantizer.
        layer_mix: how a head weights the layers of ``stack:m``; None where the stored layers are pooled.
        queries: learned queries of attention pooling; the paper's head has one.
    """

    name: str
    title: str
    layers: str
    positions: str
    pooling: str | None
    quantizer: str = FLOAT
    layer_mix: str | None = None
    queries: int = 1

    def train_settings(self, epochs: int | None, seed: int) -> TrainSettings:
        """How a head is trained on these features."""
        return TrainSettings(
            poolings=() if self.pooling is None else (self.pooling,),
            layer_mix=self.layer_mix or TrainSettings.layer_mix,
            queries=self.queries,
            epochs=epochs,
            seeds=(seed,),
        )


def pooling_settings(mean_layers: int, num_layers: int, *, cls: bool = True) -> tuple[FeatureSetting, ...]:
    """The paper's five layer-wise and position-wise poolings (section 4), poorest first.

    Args:
        mean_layers: m of LAYER-AVG.
        num_layers: layers of the encoder: LEARNED-COMB weights all of them.
        cls: whether the first position sums up a text. If not, LAST-LAYER / CLS is left out.

    Raises:
        UsageError: the encoder has fewer than m layers.
    """
    if not 1 <= mean_layers <= num_layers:
        raise UsageError(f"mean of {mean_layers} layers: the encoder has {num_layers}; ask for 1 to {num_layers}")
    summary = (FeatureSetting("last/cls", "LAST-LAYER / CLS", "last", "cls", "cls"),) if cls else ()
    return (
        *summary,
        FeatureSetting("last/mean", "LAST-LAYER / POSITION-AVG", "last", "mean", "mean"),
        FeatureSetting("last/mha", "LAST-LAYER / MHA", "last", "tokens", "attention"),
        layer_average(mean_layers),
        FeatureSetting(
            "learned/mha", "LEARNED-COMB / MHA", f"stack:{num_layers}", "tokens", "attention", layer_mix="learned"
        ),
    )


def layer_average(mean_layers: int) -> FeatureSetting:
    """LAYER-AVG / MHA, the paper's recommended setting."""
    return FeatureSetting("average/mha", "LAYER-AVG / MHA", f"mean:{mean_layers}", "tokens", "attention")


def recommended(setting: FeatureSetting) -> FeatureSetting:
    """The same features, read by the default head of `encore train`.

    That head attends to each text separately if all documents are pairs. Otherwise it is the paper's attention.

    Args:
        setting: attention over tokens.
    """
    name, title = setting.name.replace("/mha", "/recommended"), setting.title.replace(" / MHA", " / recommended head")
    return replace(setting, name=name, title=title, pooling=None)


def quantized(setting: FeatureSetting, quantizer: str, queries: int = 1) -> FeatureSetting:
    """The same features, pooled over layers and then quantized (paper, section 5)."""
    quantizer_request = parse_quantizer(quantizer).request
    asked = "" if queries == 1 else f", {queries} queries"
    name = setting.name if quantizer == FLOAT else f"{setting.name}/{quantizer}"
    return replace(
        setting,
        name=name if queries == 1 else f"{name}/{queries}q",
        title=f"{setting.title}, {quantizer}{asked}",
        quantizer=quantizer_request,
        queries=queries,
    )


def quantized_before(setting: FeatureSetting, quantizer: str, queries: int = 1) -> FeatureSetting:
    """Each layer quantized, then averaged. In the paper this is better at 1 bit, at m times the storage (section 6.3).

    Args:
        setting: features averaged over m layers.
        quantizer: request of the quantizer.
        queries: learned queries of the head.

    Raises:
        UsageError: the setting's features are not an average of layers.
    """
    pooling = LayerPooling.parse(setting.layers)
    if pooling.kind != "mean":
        raise UsageError(
            f"layers {setting.layers}: only an average of layers can be quantized before it is taken; give mean:m"
        )
    after = quantized(setting, quantizer, queries)
    return replace(
        after,
        name=f"{after.name}/before",
        title=f"{after.title}, before layer pooling",
        layers=f"stack:{pooling.count}",
        layer_mix="uniform",
    )


def richest(settings: tuple[FeatureSetting, ...], num_layers: int) -> tuple[str, str]:
    """Layers and positions of the smallest float16 store from which all these settings can be derived."""
    layers = tuple(dict.fromkeys(setting.layers for setting in settings))
    positions = tuple(dict.fromkeys(setting.positions for setting in settings))
    lowest = min(LayerPooling.parse(text).layer_numbers(num_layers).start for text in layers)
    return (
        layers[0] if len(layers) == 1 else f"stack:{num_layers - lowest + 1}",
        positions[0] if len(positions) == 1 else "tokens",
    )
