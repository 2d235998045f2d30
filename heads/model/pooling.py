"""The base class of position poolings (paper, section 4).

A pooling makes one vector of a document's token vectors, or several side by side. A new pooling is one file with a
subclass, and one line in `encore.heads.model.registry`. That is enough to train and to score with it, by its own
`forward` and by autograd.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn

from encore.featurestore.spec import FeatureSpec
from encore.heads.batches import Batch
from encore.heads.model.standardisation import Standardisation, Tensors


class Pooling(nn.Module):
    """A position pooling.

    Attributes:
        label: name for people.
        of_pairs: whether it needs to know where the second text of a document begins.
        most_queries: most learned queries that it can have; 0 where it has no attention.
        vectors: number of vectors of width d that it makes of a document, side by side.
        width: d.
    """

    label: ClassVar[str]
    of_pairs: ClassVar[bool] = False
    most_queries: ClassVar[int] = 0
    vectors: int = 1

    def __init__(self, width: int, generator: torch.Generator | None = None, **options: Any) -> None:  # noqa: ARG002
        """Make a pooling with fresh weights, drawn from ``generator``; None takes torch's own.

        A pooling with queries also gets the options ``heads`` and ``queries``.
        """
        super().__init__()
        self.width = width

    @classmethod
    def check(cls, spec: FeatureSpec) -> None:
        """Raise UsageError unless the pooling can work on the tokens that this spec stores."""

    def forward(self, batch: Batch) -> torch.Tensor:
        """Pool a batch of one vector a token to (documents, vectors · d).

        Positions after a document's length are padding: they hold any finite numbers, and must not change the result.
        Do not change the batch: other heads read it too. On a GPU the heads of a grid learn by `torch.vmap`: there do
        not branch on numbers, or change in place what was not made here.
        """
        raise NotImplementedError

    def design(self) -> dict[str, Any]:
        """Arguments of `HeadModel.build` that describe the shape of this pooling; they are saved in ``head.json``."""
        return {}

    @property
    def learns(self) -> bool:
        """Whether it has weights of its own."""
        return next(self.parameters(), None) is not None

    def folded(self, weights: Tensors, standard: Standardisation) -> Tensors | None:
        """Fold a standardisation into the weights, so that the head takes features as they are stored.

        Training standardises the tokens for a pooling that learns, and the pooled vectors for one that does not. In the
        second case the classifier's first map takes the standardisation in.

        Args:
            weights: name → weight of the whole head, as it learned.
            standard: the standardisation of its inputs while it learned.

        Returns:
            Name → weight; None where this pooling has no such form. Then the head always standardises its inputs.
        """
        if self.learns:
            return None
        return {**weights, **standard.into(weights, "classifier.hidden.weight", "classifier.hidden.bias")}
