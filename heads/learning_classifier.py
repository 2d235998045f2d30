"""The classifier of a head that learns, with the gradients written out."""

from __future__ import annotations

import torch

from heads.classifier import draw_kept
from heads.learning_weights import LearningLinear, LearningWeights


class LearningClassifier:
    """`Classifier`: dropout, linear, tanh, dropout, linear.

    Args:
        weights: of the head.
        dropout: share of the inputs of each linear map set to zero in training.
        generator: of the dropout.
    """

    def __init__(self, weights: LearningWeights, dropout: float, generator: torch.Generator) -> None:
        self._hidden = LearningLinear(weights, "classifier.hidden.weight", "classifier.hidden.bias")
        self._output = LearningLinear(weights, "classifier.output.weight", "classifier.output.bias")
        self._dropout = dropout
        self._generator = generator

    def logits(self, pooled: torch.Tensor) -> torch.Tensor:
        """(documents, classes) of pooled features (documents, inputs), without dropout."""
        return self._output.forward(self._hidden.forward(pooled).tanh_())

    def learn(self, pooled: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean cross-entropy over the documents, and the gradient of their pooled features.

        Args:
            pooled: (documents, inputs).
            targets: (documents,) class of each.
        """
        kept = self._draw(pooled)
        tanh = self._hidden.forward(_dropped(pooled, kept)).tanh_()
        kept_hidden = self._draw(tanh)
        loss, gradient = cross_entropy(self._output.forward(_dropped(tanh, kept_hidden)), targets)
        hidden = _dropped(self._output.backward(gradient), kept_hidden)
        # The derivative of tanh is 1 - tanh².
        hidden = torch.addcmul(hidden, hidden * tanh, tanh, value=-1)
        return loss, _dropped(self._hidden.backward(hidden), kept)

    def _draw(self, values: torch.Tensor) -> torch.Tensor | None:
        """What each value is multiplied by: 0, or what keeps the mean; None for no dropout."""
        if self._dropout == 0:
            return None
        return draw_kept(values, self._dropout, self._generator)


def _dropped(values: torch.Tensor, kept: torch.Tensor | None) -> torch.Tensor:
    return values if kept is None else values * kept


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean loss over the documents, and its gradient (documents, classes), from logits of this shape."""
    logs = logits.log_softmax(dim=1)
    right = targets[:, None]
    loss = -logs.gather(1, right).mean()
    gradient = logs.exp_().scatter_add_(1, right, logs.new_full(right.shape, -1.0))
    return loss, gradient.div_(len(targets))
