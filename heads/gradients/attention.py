"""Attention pooling of several heads that learn, with gradients written by hand.

Every step over the tokens is one matrix product for all heads: the scores, the weighted sums, and the gradients of
both.

Symbols: the stack has G heads, each with H attention heads and N queries. J = G·H·N is the number of all folded
queries, in this order. U is the number of texts: 2 for heads of pairs, which pool each text separately, else 1. m is
the number of layers.
"""

from __future__ import annotations

import math

import torch

from encore.heads.batches import Batch
from encore.heads.gradients.layer_mix import MixGradients
from encore.heads.gradients.parameters import LinearGradients, StackParameters
from encore.heads.model import AttentionPooling, PairPooling, Standardisation


class AttentionGradients:
    """`AttentionPooling` or `PairPooling` for G heads.

    Args:
        weights: parameters of the heads.
        design: the pooling of one of the heads, for its shape.
        mix: weights of the layers; None where features have one layer.
        standard: standardises the tokens; None leaves them as they are. The standardised tokens are never computed:
            scaling the keys and the weighted sums gives the same.
    """

    def __init__(
        self,
        weights: StackParameters,
        design: AttentionPooling | PairPooling,
        mix: MixGradients | None,
        standard: Standardisation | None,
    ) -> None:
        self._stack = weights
        self._prefix = prefix = "pooling.attention." if isinstance(design, PairPooling) else "pooling."
        self._texts = 2 if isinstance(design, PairPooling) else 1
        attention = design.attention if isinstance(design, PairPooling) else design
        self._heads, self._queries, self._width = attention.heads, attention.queries, attention.width
        self._mix = mix
        self._standard = standard
        values = {name.removeprefix(prefix): value for name, value in weights.values.items()}
        each = self._width // self._heads
        self._scale = 1 / math.sqrt(each)
        self._query = values["query"].view(len(weights), self._queries, self._width)
        self._keys, self._values = (values[name].view(-1, each, self._width) for name in ("key_weight", "value_weight"))
        self._bias = values["value_bias"][:, None]
        self._project_query = LinearGradients(weights, prefix + "query_weight", prefix + "query_bias")
        self._project_output = LinearGradients(weights, prefix + "output_weight", prefix + "output_bias")

    def forward(self, batch: Batch) -> torch.Tensor:
        """Pool a batch to (G, documents, N · U, d), and keep what `backward` needs."""
        self._batch = batch
        scores = torch.mm(batch.by_layer.flatten(0, 1), self._fold().t()).view(len(batch), batch.tokens, -1)
        if self._mix is not None:
            self._layer_scores = scores.view(len(batch), batch.tokens, batch.layers, -1)
            scores = (self._layer_scores * self._columns(self._mix, 1)).sum(dim=2)
        self._attended = self._attend(scores, batch)
        rows = self._attended
        if self._mix is not None:
            rows = (rows[:, :, None] * self._columns(self._mix, self._texts)).flatten(1, 2)
        summed = rows.new_empty(rows.shape[2], len(batch), self._width)
        torch.bmm(rows.transpose(1, 2), batch.by_layer, out=summed.transpose(0, 1))
        return self._project(summed)

    def backward(self, gradient: torch.Tensor) -> None:
        """Compute the gradients of all parameters from the gradient of the result."""
        batch, attended = self._batch, self._attended
        weights = torch.bmm(batch.by_layer, self._project_back(gradient).permute(1, 2, 0))
        if self._mix is not None:
            layered = weights.view(len(batch), batch.tokens, batch.layers, -1)
            self._mix.learn((layered * attended[:, :, None]).sum(dim=(0, 1)))
            weights = (layered * self._columns(self._mix, self._texts)).sum(dim=2)
        scores = weights.sub_((attended * weights).sum(dim=1, keepdim=True)).mul_(attended)
        if self._texts > 1:
            scores = scores.view(*scores.shape[:2], -1, self._texts).sum(dim=3)
        if self._mix is not None:
            self._mix.learn((self._layer_scores * scores[:, :, None]).sum(dim=(0, 1)))
            scores = scores[:, :, None] * self._columns(self._mix, 1)
        self._fold_back(torch.mm(scores.flatten(0, -2).t(), batch.by_layer.flatten(0, 1)))

    def _attend(self, scores: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Weights (documents, tokens, J · U) from scores (..., J). They sum to 1 over the tokens of each text."""
        if self._texts == 1:
            return scores.masked_fill_(batch.padding[:, :, None], -torch.inf).softmax(dim=1)
        texts = batch.texts.permute(0, 2, 1)[:, :, None]
        # A finite fill: the weights of a text without tokens are zero, not NaN.
        filled = scores[..., None].masked_fill(~texts, torch.finfo(scores.dtype).min)
        return filled.softmax(dim=1).mul_(texts).flatten(2)

    def _fold(self) -> torch.Tensor:
        """Folded queries (J, d): their dot products with a token are its scores."""
        projected = self._project_query.forward(self._query).view(len(self._stack), self._queries, self._heads, -1)
        self._projected = projected.transpose(1, 2).flatten(0, 1) * self._scale
        return self._scaled(torch.bmm(self._projected, self._keys)).view(-1, self._width)

    def _fold_back(self, folded: torch.Tensor) -> None:
        by_head = self._scaled(folded).view(-1, self._queries, self._width)
        projected = torch.bmm(by_head, self._keys.transpose(1, 2)).mul_(self._scale)
        self._take_products("key_weight", self._projected, by_head)
        by_query = projected.view(len(self._stack), self._heads, self._queries, -1).transpose(1, 2).flatten(2)
        query = self._project_query.backward(by_query)
        self._stack.gradients[self._prefix + "query"] = query.view(self._stack.values[self._prefix + "query"].shape)

    def _project(self, summed: torch.Tensor) -> torch.Tensor:
        """Project the weighted sums (J · U, documents, d) to (G, documents, N · U, d)."""
        stack, documents = len(self._stack), summed.shape[1]
        if self._standard is not None:
            # Standardising the sum is standardising the tokens, since the weights sum to 1. The weights of a text
            # without tokens are all zero: its sum counts as a token of zeros, as in a head without standardisation.
            summed = self._standard(summed)
        # One row for each document, query and text. All rows of a head share its projections.
        self._rows = summed.view(stack * self._heads, -1, self._width)
        values = torch.bmm(self._rows, self._values.transpose(1, 2)).view(stack, self._heads, self._rows.shape[1], -1)
        by_stack = values.transpose(1, 2).flatten(2).add_(self._bias)
        return self._project_output.forward(by_stack).view(stack, -1, documents, self._width).transpose(1, 2)

    def _project_back(self, gradient: torch.Tensor) -> torch.Tensor:
        """The gradient of the weighted sums, (J · U, documents, d), from the gradient of the result."""
        stack, documents = gradient.shape[:2]
        by_stack = self._project_output.backward(gradient.transpose(1, 2).flatten(1, 2))
        by_head = by_stack.view(stack, -1, self._heads, self._width // self._heads).transpose(1, 2).flatten(0, 1)
        summed = torch.bmm(by_head, self._values)
        self._stack.gradients[self._prefix + "value_bias"] = by_stack.sum(dim=1)
        self._take_products("value_weight", by_head, self._rows)
        return self._scaled(summed).view(-1, documents, self._width)

    def _scaled(self, values: torch.Tensor) -> torch.Tensor:
        """Turn factors of standardised tokens (..., d) into factors of the stored tokens; and gradients back."""
        return values if self._standard is None else values * self._standard.scale

    def _take_products(self, name: str, left: torch.Tensor, right: torch.Tensor) -> None:
        """Keep leftᵀ · right as the gradients of a parameter; left (G · H, rows, d / H), right (G · H, rows, d)."""
        turned = left.transpose(1, 2)
        # A single query gives one row. A matrix product with inner size 1 costs more than a plain multiplication.
        gradients = turned * right if right.shape[1] == 1 else torch.bmm(turned, right)
        self._stack.gradients[self._prefix + name] = gradients.view(-1, self._width, self._width)

    def _columns(self, mix: MixGradients, texts: int) -> torch.Tensor:
        """Weight of each layer in each column, (m, J · texts)."""
        return mix.columns(self._heads * self._queries * texts)
