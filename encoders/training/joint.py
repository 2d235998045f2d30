"""Joint training of one encoder and a head for each task (paper, section 3.3.2 and appendix A).

With a single task this is ordinary fine-tuning, end to end. All random numbers of a step follow from the seed and the
number of the step. So a resumed training takes the same steps as one without interruption.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from encore.encoders.batches import TokenBlock, longest_first, split_by_budget
from encore.encoders.behaviour import with_safe_padding
from encore.encoders.training.examples import TaskTokens
from encore.encoders.training.forward import pooled_batch, training_budget
from encore.encoders.training.history import LossHistory
from encore.encoders.training.optimizer import build_optimizer, set_rates
from encore.encoders.training.seeds import seeded
from encore.encoders.training.settings import TrainingSettings, settle_position
from encore.encoders.training.streams import TaskStream
from encore.encoders.training.task_weights import task_weights
from encore.encoders.transformer import Encoder
from encore.featurestore.common import Int64s
from encore.featurestore.documents import offsets_of
from encore.featurestore.errors import JobError, UsageError


@dataclass(frozen=True)
class StepReport:
    """A step, as it ended.

    Attributes:
        number: of the step, from 1.
        steps: of the whole training.
        losses: task → mean cross-entropy of its documents in this step, dropout included.
        loss: weighted sum of the losses; the step follows its gradient.
        tokens: tokens of the step's documents, without padding.
        seconds: time of the step.
    """

    number: int
    steps: int
    losses: Mapping[str, float]
    loss: float
    tokens: int
    seconds: float


OnStep = Callable[[StepReport], None]


class JointTraining:
    """An encoder and its heads in training.

    Args:
        encoder: its model is trained in place, with weights in float32. Its spec stays that of the untrained encoder.
        heads: task → module from pooled (documents, d) to logits (documents, classes), trained in place. They must draw
            random numbers from torch's global generators.
        examples: training documents of the same tasks, in the same order.
        settings: hyper-parameters.

    Attributes:
        position: ``cls`` or ``mean``: how the last layer is pooled for the heads.
        done: number of steps taken so far.
        seconds: time of these steps.
        history: losses of these steps.

    Raises:
        UsageError: the encoder cannot be trained in this way.
    """

    def __init__(
        self,
        encoder: Encoder,
        heads: Mapping[str, nn.Module],
        examples: Sequence[TaskTokens],
        settings: TrainingSettings,
    ) -> None:
        if [part.task for part in examples] != list(heads):
            raise ValueError(f"heads for {', '.join(heads)}; documents for {', '.join(p.task for p in examples)}")
        self.position = settle_position(settings.position, encoder.spec)
        longest = max(int(part.tokens.lengths.max()) for part in examples)
        self.encoder, self.heads = with_safe_padding(encoder, longest), dict(heads)
        self.settings = settings.for_encoder(encoder.spec)
        self.sizes = {part.task: len(part) for part in examples}
        self.weights = task_weights(self.sizes, settings.temperature)
        self.digests = {part.task: part.digest for part in examples}
        self.precision = settings.precision_on(encoder.device)
        encoder.model.requires_grad_(requires_grad=True)
        for head in self.heads.values():
            head.to(encoder.device)
        self.optimizer = build_optimizer(encoder.model, self.heads.values(), settings)
        self.done, self.seconds = 0, 0.0
        self.history = LossHistory(tuple(heads), settings.steps)
        self._tokens = TokenBlock.concatenate([part.tokens for part in examples])
        self._codes = np.concatenate([part.codes for part in examples])
        self._starts = offsets_of(np.array(list(self.sizes.values())))[:-1]
        self._streams = [TaskStream(settings.seed, task, size) for task, size in self.sizes.items()]
        self._budget = settings.batch_tokens or training_budget(encoder.device)

    @property
    def identity(self) -> dict[str, Any]:
        """JSON: everything that decides the trained weights on one machine."""
        spec = self.encoder.spec
        return {
            "settings": self.settings.to_dict(),
            "encoder": {"weights": spec.weights, "tokenizer": spec.tokenizer},
            "tasks": self.digests,
            "device": self.encoder.device.type,
            "precision": self.precision,
            "batch_tokens": self._budget,
        }

    def run(self, until: int | None = None, on_step: OnStep | None = None) -> None:
        """Take steps.

        Args:
            until: number of the step to stop after; None takes all that are left.
            on_step: called after every step; what it raises ends the training.

        Raises:
            UsageError: the training diverged, or a batch does not fit into the device's memory.
        """
        stop = self.settings.steps if until is None else min(until, self.settings.steps)
        self._train_mode()
        while self.done < stop:
            step = self._step()
            if on_step is not None:
                on_step(step)

    def _train_mode(self) -> None:
        for module in (self.encoder.model, *self.heads.values()):
            module.train()

    def _step(self) -> StepReport:
        started = time.perf_counter()
        documents, owners = self.documents_of(self.done)
        lengths = self._tokens.lengths[documents]
        order = longest_first(lengths)
        sums = torch.zeros(len(self.heads), device=self.encoder.device)
        self.optimizer.zero_grad()
        try:
            with seeded(self.encoder.device, self.settings.seed, "dropout", self.done):
                for part in split_by_budget(lengths[order], self._budget, self.encoder.padding):
                    sums += self._accumulate(documents[order[part]], owners[order[part]])
        except torch.OutOfMemoryError as error:
            raise UsageError(
                f"out of memory in step {self.done + 1}, at batches of {self._budget} tokens: ask for fewer tokens a"
                " batch, or a lower max length"
            ) from error
        means = [total / self.settings.samples for total in sums.tolist()]
        loss = math.fsum(weight * mean for weight, mean in zip(self.weights.values(), means, strict=True))
        if not math.isfinite(loss):
            raise JobError(
                f"training diverged in step {self.done + 1} at learning rate {self.settings.learning_rate:g};"
                " give a smaller one"
            )
        set_rates(self.optimizer, self.settings, self.done)
        self.optimizer.step()
        self.done += 1
        self.history.add(self.done, tuple(means))
        seconds = time.perf_counter() - started
        self.seconds += seconds
        return StepReport(
            number=self.done,
            steps=self.settings.steps,
            losses=dict(zip(self.heads, means, strict=True)),
            loss=loss,
            tokens=int(lengths.sum()),
            seconds=seconds,
        )

    def documents_of(self, step: int) -> tuple[Int64s, Int64s]:
        """The documents of a step; steps are counted from 0.

        Returns:
            (documents,) positions among the documents of all tasks, and (documents,) numbers of their tasks.
        """
        samples = self.settings.samples
        taken = [stream.take(step * samples, samples) for stream in self._streams]
        documents = np.concatenate([start + part for start, part in zip(self._starts, taken, strict=True)])
        return documents, np.repeat(np.arange(len(taken)), samples)

    def _accumulate(self, documents: Int64s, owners: Int64s) -> torch.Tensor:
        """Add the gradient of a batch's part of the loss. Return (tasks,) sums of its documents' cross-entropy."""
        device = self.encoder.device
        pooled = pooled_batch(self.encoder, self._tokens, documents, self.position, self.precision)
        targets = torch.from_numpy(self._codes[documents]).to(device)
        sums = torch.zeros(len(self.heads), device=device)
        loss = torch.zeros((), device=device)
        for number, (task, head) in enumerate(self.heads.items()):
            rows = torch.from_numpy(np.flatnonzero(owners == number)).to(device)
            if len(rows):
                total = functional.cross_entropy(head(pooled[rows]), targets[rows], reduction="sum")
                sums[number] = total.detach()
                loss = loss + total * (self.weights[task] / self.settings.samples)
        torch.autograd.backward(loss)
        return sums
