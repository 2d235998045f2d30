"""Attention pooling with learned queries (paper, figure 3, has one). The key projection is folded into the queries.

With a learned query q, head h scores token x by (W_q q + b_q)_h · (W_k x + b_k)_h / √d_h. The part with b_k is the
same for every token and cancels in the softmax. The rest is k_h · x with k_h = W_kₕᵀ (W_q q + b_q)_h / √d_h. The
weights of a head sum to 1, so that its values can be projected after the weighted sum. Results and gradients are those
of `torch.nn.MultiheadAttention`, at 2·N·H·d multiply-adds a token for N queries instead of 2·d².
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from encore.featurestore.errors import UsageError
from encore.heads.attention_sizes import MAX_QUERIES, check_queries, default_heads
from encore.heads.batches import Batch
from encore.heads.model.affine import affine
from encore.heads.model.pooling import Pooling
from encore.heads.model.standardisation import Standardisation, Tensors

QUERY_STD = 0.02
"""Deviation of the initial query. A small query starts attention near the plain mean. With 1.0, SST-2 dev accuracy fell
by 1 to 3 points."""


class AttentionPooling(Pooling):
    """Pool tokens by multi-head attention with N learned task queries; no dropout on the attention weights.

    All queries share the projections. Their results lie side by side. There is no key bias: it would cancel in the
    softmax and never learn.

    Attributes:
        width: d.
        heads: number H of attention heads.
        queries: number N of queries.
        query: (d,) the task query q; (N, d) where there are more than one.
        query_weight, query_bias: (d, d), (d,).
        key_weight: (d, d).
        value_weight, value_bias: (d, d), (d,).
        output_weight, output_bias: (d, d), (d,).

    Raises:
        UsageError: the heads do not divide the width, or the number of queries is impossible.
    """

    label = "attention"
    most_queries = MAX_QUERIES

    def __init__(
        self, width: int, heads: int | None = None, generator: torch.Generator | None = None, *, queries: int = 1
    ) -> None:
        super().__init__(width)
        self.heads = default_heads(width) if heads is None else heads
        if self.heads < 1 or width % self.heads:
            raise UsageError(f"attention heads {self.heads}: they must divide the hidden size {width}")
        check_queries(queries)
        self.queries = self.vectors = queries
        # The paper's one query is a vector in a saved head, several are a matrix.
        self.query = nn.Parameter(torch.empty(width) if queries == 1 else torch.empty(queries, width))
        self.query_weight = nn.Parameter(torch.empty(width, width))
        self.query_bias = nn.Parameter(torch.zeros(width))
        self.key_weight = nn.Parameter(torch.empty(width, width))
        self.value_weight = nn.Parameter(torch.empty(width, width))
        self.value_bias = nn.Parameter(torch.zeros(width))
        self.output_weight = nn.Parameter(torch.empty(width, width))
        self.output_bias = nn.Parameter(torch.zeros(width))
        # On the meta device there is nothing to draw, and `normal_` would import torch's compiler: a second.
        if not self.query.is_meta:
            nn.init.normal_(self.query, std=QUERY_STD, generator=generator)
        for weight in (self.query_weight, self.key_weight, self.value_weight, self.output_weight):
            nn.init.xavier_uniform_(weight, generator=generator)

    def design(self) -> dict[str, Any]:
        """Number of attention heads, and of queries if there are several."""
        # One query is the default and is not written. So heads keep the digest that they had before the option existed.
        return {"attention_heads": self.heads, **({"queries": self.queries} if self.queries > 1 else {})}

    def folded_queries(self) -> torch.Tensor:
        """(N·H, d), query by query: the vectors whose dot products with a token are its scores."""
        projected = affine(self.query.view(self.queries, self.width), self.query_weight, self.query_bias)
        query = projected.view(self.queries, self.heads, -1).transpose(0, 1) / math.sqrt(self.width // self.heads)
        keys = self.key_weight.view(self.heads, -1, self.width)
        return torch.bmm(query, keys).transpose(0, 1).flatten(0, 1)

    def scores(self, batch: Batch) -> torch.Tensor:
        """(N·H, documents, tokens): the score of each token, padding included."""
        # The tokens are the second factor, so that the scores of a document lie side by side for their softmax.
        return (self.folded_queries() @ batch.rows.t()).view(-1, len(batch), batch.tokens)

    def project(self, sums: torch.Tensor) -> torch.Tensor:
        """Value and output projections of weighted sums: (n·H, documents, d), any n → (documents, n, d)."""
        documents = sums.shape[1]
        by_head = sums.view(-1, self.heads, documents, self.width).transpose(0, 1).flatten(1, 2)
        values = self.value_weight.view(self.heads, -1, self.width) @ by_head.mT
        side_by_side = values.flatten(0, 1).mT + self.value_bias
        return (
            affine(side_by_side, self.output_weight, self.output_bias).view(-1, documents, self.width).transpose(0, 1)
        )

    def folded_output(self, hidden: nn.Linear) -> tuple[torch.Tensor, torch.Tensor]:
        """Fold value bias and output projection into a classifier's first linear map: weight (d, N·d), bias (d,).

        The folded map takes projected values v without their bias: hidden(output(v + b_v)) is one affine map of v. The
        same holds for the values of N queries side by side.
        """
        shift = self.output_weight @ self.value_bias + self.output_bias
        bias = hidden.bias + hidden.weight @ shift.repeat(self.queries)
        weight = (hidden.weight.view(len(hidden.weight), self.queries, -1) @ self.output_weight).flatten(1)
        return weight, bias

    def folded(self, weights: Tensors, standard: Standardisation, prefix: str = "pooling.") -> Tensors:
        """The weights of the head for features as they are stored. The pooling's names begin with ``prefix``."""
        keys = prefix + "key_weight"
        values = standard.into(weights, prefix + "value_weight", prefix + "value_bias")
        # The mean adds the same number to the score of every token, and the softmax takes it out again.
        return {**weights, **values, keys: weights[keys] * standard.scale}

    def forward(self, batch: Batch) -> torch.Tensor:
        """Pool a batch to (documents, N·d)."""
        weights = self.scores(batch).masked_fill(batch.padding, -torch.inf).softmax(dim=-1)
        return self.project(weighted_sums(weights, batch.values)).flatten(1)


def weighted_sums(weights: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """(vectors, documents, d): sums of tokens (documents, tokens, d) by weights (vectors, documents, tokens)."""
    return torch.bmm(weights.transpose(0, 1), values).transpose(0, 1).contiguous()
