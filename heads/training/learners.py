"""How heads learn, in stacks: by their own modules, or by gradients written by hand where a pooling has them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch.func import functional_call
from torch.nn import functional

from encore.heads.batches import Batch, Placement
from encore.heads.gradients import HeadStack, StackParameters, can_stack
from encore.heads.model import DropoutFactors, Tensors
from encore.heads.training.trial import Trial

STACK = 4
"""Most heads of a stack on a CPU: enough to share the work on the tokens, few enough to keep several cores busy."""

DEVICE_STACK = 32
"""Most heads of a stack on another device. It computes a step of one head sooner than the host can ask for it."""


class Learner:
    """Heads of one pooling that learn together, on one thread at a time, by their own modules and autograd.

    It takes every pooling. The parameters of several heads lie side by side, and `torch.vmap` makes one product of the
    products of all heads. Tests compare `HandLearner` with it.

    Attributes:
        trials: the heads that still learn.
    """

    def __init__(self, trials: Sequence[Trial], placement: Placement) -> None:
        """Begin the training of the heads. Their parameters become views of the stack's."""
        self.trials = tuple(trials)
        self.first = trials[0]
        self._placement = placement
        self._all = {name: torch.stack([trial.values[name] for trial in trials]) for name in trials[0].values}
        self._count = len(trials)
        for place, trial in enumerate(trials):
            trial.begin({name: value[place] for name, value in self._all.items()})

    def leave_out_stopped(self) -> None:
        """Go on with the heads whose patience has not run out."""
        self.trials = tuple(trial for trial in self.trials if not trial.stopped)

    def learn(self, batch: Batch, targets: torch.Tensor) -> torch.Tensor:
        """Take one step from a batch whose classes are ``targets`` (documents,). Return the mean losses (heads,)."""
        drawn = [trial.design.classifier.draw(len(batch)) for trial in self.trials]
        kept = [factors for factors in drawn if factors is not None]
        first, second = zip(*kept, strict=True) if kept else ((), ())
        losses, gradients = self._learned(
            self._values(), batch, targets, (torch.stack(first), torch.stack(second)) if kept else None
        )
        for place, trial in enumerate(self.trials):
            trial.step({name: gradient[place] for name, gradient in gradients.items()})
        return losses

    @torch.no_grad()
    def logits(self, batch: Batch) -> torch.Tensor:
        """Logits (heads, documents, classes), without dropout."""
        return self._logits(self._values(), batch)

    def _values(self) -> Tensors:
        """Name → parameters (heads, ...)."""
        if len(self.trials) == self._count:
            return self._all
        return {name: torch.stack([trial.values[name] for trial in self.trials]) for name in self._all}

    def _learned(
        self, values: Tensors, batch: Batch, targets: torch.Tensor, kept: DropoutFactors | None
    ) -> tuple[torch.Tensor, Tensors]:
        """Mean losses (heads,), and the gradients of the parameters; ``kept`` has the dropout of all heads."""
        leaves = {name: value.detach().requires_grad_() for name, value in values.items()}
        logits = self._logits(leaves, batch, kept)
        each = functional.cross_entropy(logits.flatten(0, 1).float(), targets.repeat(len(logits)), reduction="none")
        losses = each.view(len(logits), -1).mean(dim=1)
        gradients = torch.autograd.grad(losses.sum(), list(leaves.values()))
        return losses.detach(), dict(zip(leaves, gradients, strict=True))

    def _logits(self, values: Tensors, batch: Batch, kept: DropoutFactors | None = None) -> torch.Tensor:
        if len(next(iter(values.values()))) == 1:
            # Without vmap a step of one head takes two thirds of the time, and its module may do anything.
            own = None if kept is None else (kept[0][0], kept[1][0])
            return self._forward({name: value[0] for name, value in values.items()}, own, batch)[None]
        forward = torch.vmap(self._forward, in_dims=(0, None if kept is None else 0, None))
        return forward(values, kept, batch)

    def _forward(self, values: Tensors, kept: DropoutFactors | None, batch: Batch) -> torch.Tensor:
        weights, place = self.first.folded(values), self._placement
        with torch.autocast(place.device.type, place.dtype, enabled=place.dtype != torch.float32):
            return functional_call(self.first.design, weights, (batch, kept))  # type: ignore[no-any-return]


class HandLearner(Learner):
    """The fast way on a CPU, for poolings whose gradients are written by hand (`encore.heads.gradients`)."""

    @torch.no_grad()
    def _learned(
        self, values: Tensors, batch: Batch, targets: torch.Tensor, kept: DropoutFactors | None
    ) -> tuple[torch.Tensor, Tensors]:
        parameters = StackParameters(values)
        losses = HeadStack(parameters, self.first.design, self.first.standard).learn(batch, targets, kept)
        return losses, parameters.gradients

    def _logits(self, values: Tensors, batch: Batch, kept: DropoutFactors | None = None) -> torch.Tensor:
        if kept is not None:
            raise ValueError("HandLearner computes its logits without dropout")
        return HeadStack(StackParameters(values), self.first.design, self.first.standard).logits(batch)


def learners_of(trials: Sequence[Trial], placement: Placement) -> list[Learner]:
    """Divide heads into stacks of one pooling.

    On a CPU stacks are for gradients by hand: a stack has at most `STACK` heads, and there are at least two if there
    are two heads. By autograd a stack gains nothing there, and a head alone may have a module that `torch.vmap` cannot
    take. On another device a stack has at most `DEVICE_STACK` heads.

    The division does not depend on the number of threads: the size of a stack changes how its sums round.
    """
    learners: list[Learner] = []
    for pooling in dict.fromkeys(trial.point.pooling for trial in trials):
        alike = [trial for trial in trials if trial.point.pooling == pooling]
        in_floats = not placement.accelerated and placement.dtype == torch.float32
        by_hand = in_floats and can_stack(alike[0].design)
        way = HandLearner if by_hand else Learner
        if placement.accelerated:
            count = -(-len(alike) // DEVICE_STACK)
        else:
            count = max(min(2, len(alike)), -(-len(alike) // STACK)) if by_hand else len(alike)
        places = [len(alike) * number // count for number in range(count + 1)]
        learners += [way(alike[start:stop], placement) for start, stop in pairwise(places)]
    return learners
