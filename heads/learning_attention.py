"""The attention pooling of a head that learns, apart from what it reads of the tokens; the gradients written out."""

from __future__ import annotations

import math

import torch

from heads.attention import AttentionPooling
from heads.learning_weights import LearningLinear, LearningWeights


class LearningAttention:
    """`AttentionPooling` before and after the tokens: folded queries, and projections of the weighted sums.

    H are its attention heads, N its queries, k = d / H. Of each document there are R rows: one for each query, or for
    each text of a pair.

    Args:
        weights: of the head.
        prefix: of the names of the pooling's parameters.
        design: the pooling, for its shape.
    """

    def __init__(self, weights: LearningWeights, prefix: str, design: AttentionPooling) -> None:
        self._heads, self._queries, self._width = design.heads, design.queries, design.width
        self._by_head = (self._heads, self._width // self._heads, self._width)
        self._scale = 1 / math.sqrt(self._by_head[1])
        self._prefix = prefix
        self._weights = weights
        values = {name.removeprefix(prefix): value for name, value in weights.values.items()}
        self._query = values["query"].view(self._queries, self._width)
        self._shapes = {name: value.shape for name, value in values.items()}
        self._keys, self._values = (values[name].view(self._by_head) for name in ("key_weight", "value_weight"))
        self._bias = values["value_bias"]
        self._project_query = LearningLinear(weights, prefix + "query_weight", prefix + "query_bias")
        self._project_output = LearningLinear(weights, prefix + "output_weight", prefix + "output_bias")

    def fold(self) -> torch.Tensor:
        """(H, N, d): the vectors whose dot products with a token are its scores."""
        projected = self._project_query.forward(self._query).view(self._queries, self._heads, -1).transpose(0, 1)
        self._projected = projected * self._scale
        return torch.bmm(self._projected, self._keys)

    def fold_back(self, gradient: torch.Tensor) -> None:
        """Hand on the gradients of what was folded, from that of the folded queries (H, N, d)."""
        projected = torch.bmm(gradient, self._keys.transpose(1, 2)).mul_(self._scale)
        self._take("key_weight", torch.bmm(self._projected.transpose(1, 2), gradient))
        query = self._project_query.backward(projected.transpose(0, 1).reshape(self._queries, -1))
        self._take("query", query)

    def project(self, summed: torch.Tensor) -> torch.Tensor:
        """(documents · R, d) from the weighted sums (H, documents · R, d), which are kept for `project_back`."""
        self._summed = summed
        values = torch.bmm(summed, self._values.transpose(1, 2))
        return self._project_output.forward(values.transpose(0, 1).flatten(1) + self._bias)

    def project_back(self, gradient: torch.Tensor, out: torch.Tensor) -> None:
        """Hand on the gradients of the projections; write that of the weighted sums to ``out``, of their shape."""
        values = self._project_output.backward(gradient)
        by_head = values.view(len(values), self._heads, -1).transpose(0, 1)
        torch.bmm(by_head, self._values, out=out)
        self._take("value_bias", values.sum(dim=0))
        self._take("value_weight", torch.bmm(by_head.transpose(1, 2), self._summed))

    def _take(self, name: str, gradient: torch.Tensor) -> None:
        self._weights.take(self._prefix + name, gradient.view(self._shapes[name]))
