"""The output projection of attention, folded into the classifier that follows it."""

from __future__ import annotations

import torch
from torch import nn

from encore.heads.model import AttentionPooling


def folded_hidden(pooling: AttentionPooling, hidden: nn.Linear) -> tuple[torch.Tensor, torch.Tensor]:
    """A classifier's first linear map as one of projected values without their bias: weight (d, N·d) and bias (d,).

    hidden(output(v + b_v)) is one affine map of v; so it is of the values of N queries side by side.
    """
    shift = pooling.output_weight @ pooling.value_bias + pooling.output_bias
    bias = hidden.bias + hidden.weight @ shift.repeat(pooling.queries)
    weight = (hidden.weight.view(len(hidden.weight), pooling.queries, -1) @ pooling.output_weight).flatten(1)
    return weight, bias
