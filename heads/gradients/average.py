"""Poolings without weights of their own (cls, mean), for several heads at once."""

from __future__ import annotations

from dataclasses import replace

import torch

from encore.heads.batches import Batch
from encore.heads.gradients.layer_mix import MixGradients
from encore.heads.gradients.parameters import StackParameters
from encore.heads.model import ClsPooling, MeanPooling, Standardisation


class AverageGradients:
    """`ClsPooling` or `MeanPooling` for G heads. All heads share one pooled vector a layer; only the mix differs.

    Args:
        weights: parameters of the heads.
        pooling: the pooling of all the heads.
        mix: weights of the layers; None where features have one layer.
        standard: standardises the pooled vectors; None leaves them as they are.
    """

    def __init__(
        self,
        weights: StackParameters,
        pooling: ClsPooling | MeanPooling,
        mix: MixGradients | None,
        standard: Standardisation | None,
    ) -> None:
        self._stack = len(weights)
        self._pooling = pooling
        self._mix = mix
        self._standard = standard

    def forward(self, batch: Batch) -> torch.Tensor:
        """Pool a batch to (G, documents, 1, d), and keep what `backward` needs."""
        # Pool all layers at once: the layers of a token, side by side, are one wide vector.
        pooled = self._pooling(replace(batch, rows=batch.rows.flatten(1))).unflatten(1, (batch.layers, -1))
        if self._standard is not None:
            # Standardise each layer before the mix: the result is the same, since the weights of a mix sum to 1.
            pooled = self._standard(pooled)
        if self._mix is None:
            return pooled[None].expand(self._stack, -1, -1, -1)  # type: ignore[no-any-return]
        self._pooled = pooled
        return torch.matmul(self._mix.columns(1).t(), self._pooled).transpose(0, 1).unsqueeze(2)

    def backward(self, gradient: torch.Tensor) -> None:
        """Give the mix its part of the gradient of the result."""
        if self._mix is not None:
            self._mix.learn(torch.einsum("gbd,bmd->mg", gradient[:, :, 0], self._pooled))
