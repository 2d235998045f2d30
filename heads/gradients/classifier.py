"""The classifiers of several heads that learn, with gradients written by hand."""

from __future__ import annotations

import torch

from encore.heads.gradients.parameters import LinearGradients, StackParameters
from encore.heads.model import DropoutFactors


class ClassifierGradients:
    """`Classifier` for each of G heads: dropout, linear, tanh, dropout, linear.

    Args:
        weights: parameters of the heads.
    """

    def __init__(self, weights: StackParameters) -> None:
        self._hidden = LinearGradients(weights, "classifier.hidden.weight", "classifier.hidden.bias")
        self._output = LinearGradients(weights, "classifier.output.weight", "classifier.output.bias")

    def logits(self, pooled: torch.Tensor) -> torch.Tensor:
        """(G, documents, classes) of pooled features (G, documents, inputs), without dropout."""
        return self._output.forward(tanh_(self._hidden.forward(pooled)))

    def learn(
        self, pooled: torch.Tensor, targets: torch.Tensor, kept: DropoutFactors | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the mean cross-entropy (G,) over the documents, and the gradient of their pooled features.

        Args:
            pooled: (G, documents, inputs).
            targets: (documents,) class of each.
            kept: dropout factors (G, documents, inputs) and (G, documents, d); None for no dropout.
        """
        kept_inputs, kept_hidden = (None, None) if kept is None else kept
        tanh = tanh_(self._hidden.forward(_dropped(pooled, kept_inputs)))
        losses, gradient = cross_entropy(self._output.forward(_dropped(tanh, kept_hidden)), targets)
        hidden = _dropped(self._output.backward(gradient), kept_hidden)
        # The derivative of tanh is 1 - tanh².
        hidden = torch.addcmul(hidden, hidden * tanh, tanh, value=-1)
        return losses, _dropped(self._hidden.backward(hidden), kept_inputs)


def tanh_(values: torch.Tensor) -> torch.Tensor:
    """Tanh x = 2 σ(2x) - 1, in place: torch's logistic function takes a tenth of the time of its tanh."""
    return values.mul_(2).sigmoid_().mul_(2).sub_(1)


def _dropped(values: torch.Tensor, kept: torch.Tensor | None) -> torch.Tensor:
    return values if kept is None else values * kept


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean losses (G,) over the documents, and their gradient, from logits (G, documents, classes)."""
    logs = logits.log_softmax(dim=2)
    right = targets[None, :, None].expand(len(logits), -1, 1)
    losses = -logs.gather(2, right).mean(dim=(1, 2))
    gradient = logs.exp_().scatter_add_(2, right, logs.new_full((), -1.0).expand(right.shape))
    return losses, gradient.div_(len(targets))
