"""What a position pooling is: one vector, or several side by side, from the token vectors of a document (section 4).

A new pooling is a file with a subclass, and its line in `encore.heads.model.registry`. With that alone it trains and
scores, by its own `forward` and by autograd.
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
        label: what it pools by, in words for people.
        of_pairs: whether it has to know where the second text of a document begins.
        most_queries: learned queries that it can have; 0 where it has no attention.
        vectors: of width d that it makes of a document, side by side.
        width: d.
    """

    label: ClassVar[str]
    of_pairs: ClassVar[bool] = False
    most_queries: ClassVar[int] = 0
    vectors: int = 1

    def __init__(self, width: int, generator: torch.Generator | None = None, **options: Any) -> None:  # noqa: ARG002
        """Make a pooling with fresh weights, drawn from ``generator``; None takes torch's own.

        One that has queries is given ``heads`` and ``queries`` besides, as options.
        """
        super().__init__()
        self.width = width

    @classmethod
    def check(cls, spec: FeatureSpec) -> None:
        """Raise UsageError unless the tokens that this spec stores can be pooled so."""

    def forward(self, batch: Batch) -> torch.Tensor:
        """Pool a batch of one vector a token to (documents, vectors · d).

        Positions from a document's length on may hold any finite number and change nothing; others read the same batch.
        """
        raise NotImplementedError

    def design(self) -> dict[str, Any]:
        """What an artefact has to say of its shape besides its kind, as `HeadModel.build` takes it."""
        return {}

    @property
    def learns(self) -> bool:
        """Whether it has weights of its own."""
        return next(self.parameters(), None) is not None

    def folded(self, weights: Tensors, standard: Standardisation) -> Tensors | None:
        """The weights of a head that takes features as they are, from those of one that learned from standardised ones.

        What is standardised are the tokens of a pooling that learns, and the pooled vectors of one that does not, which
        the classifier's first map takes in.

        Args:
            weights: name → weight of the whole head.
            standard: what its inputs became while it learned.

        Returns:
            None where no such weights are known: the head standardises its inputs ever after.
        """
        if self.learns:
            return None
        return {**weights, **standard.into(weights, "classifier.hidden.weight", "classifier.hidden.bias")}
