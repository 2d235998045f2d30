"""The weighted sums of attention over one text, for heads that share their products, on every device."""

from __future__ import annotations

import torch

from encore.heads.batches import Batch


def attention_sums(keys: torch.Tensor, batch: Batch, out: torch.Tensor | None = None) -> torch.Tensor:
    """Sums of the tokens of each document, weighted by the attention of each key.

    The scores of all keys are one product, and the sums a batch of products, one for each document. Scores and softmax
    are float32. Factors of products have the type of the batch.

    Args:
        keys: (vectors, d) folded queries of one head or many, in the type of the batch.
        batch: documents.
        out: takes the sums, if given.

    Returns:
        (vectors, documents, d), in the type of the batch.
    """
    # The tokens are the second factor, so that the scores of a document lie side by side for their softmax.
    scores = product(keys, batch.rows.t()).view(-1, len(batch), batch.tokens)
    weights = scores.add_(shifts(batch.padding)).softmax(dim=-1).to(batch.rows.dtype)
    sums = torch.bmm(weights.transpose(0, 1), batch.values, out=None if out is None else out.transpose(0, 1))
    return sums.transpose(0, 1)


def shifts(left_out: torch.Tensor) -> torch.Tensor:
    """What to add to scores before their softmax: -inf where a token is left out, else 0.

    Adding is faster than filling, and is safe: scores of padding are finite.
    """
    return torch.zeros(left_out.shape, device=left_out.device).masked_fill_(left_out, -torch.inf)


def product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Float32 product of two matrices of one type, or of two batches of matrices.

    A CUDA device multiplies float16 factors directly and accumulates in float32.
    """
    multiply = torch.mm if left.dim() == 2 else torch.bmm
    if left.dtype == torch.float32:
        return multiply(left, right)
    if left.device.type == "cuda":
        return multiply(left, right, out_dtype=torch.float32)
    return multiply(left.float(), right.float())
