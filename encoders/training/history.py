"""Losses of a training, averaged over windows of steps, so that the history stays short."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

WINDOWS = 100
"""Number of windows of a training; fewer where it has fewer steps."""


@dataclass
class LossHistory:
    """Mean loss of every task over windows of steps.

    Attributes:
        tasks: their names.
        steps: of the whole training.
        windows: finished windows: number of the last step, and each task's mean loss.
        open_steps: number of steps in the unfinished window.
        open_sums: sum of each task's losses in the unfinished window.
    """

    tasks: tuple[str, ...]
    steps: int
    windows: list[tuple[int, tuple[float, ...]]] = field(default_factory=list)
    open_steps: int = 0
    open_sums: list[float] = field(default_factory=list)

    def add(self, step: int, losses: tuple[float, ...]) -> None:
        """Add the losses of a step; steps are numbered from 1."""
        sums = self.open_sums or [0.0] * len(self.tasks)
        self.open_sums = [total + loss for total, loss in zip(sums, losses, strict=True)]
        self.open_steps += 1
        if self.open_steps == max(1, -(-self.steps // WINDOWS)) or step == self.steps:
            self.windows.append((step, tuple(total / self.open_steps for total in self.open_sums)))
            self.open_steps, self.open_sums = 0, []

    def to_dict(self) -> list[dict[str, Any]]:
        """JSON, for people: one entry a window."""
        return [{"step": step, "losses": dict(zip(self.tasks, losses, strict=True))} for step, losses in self.windows]

    def state(self) -> dict[str, Any]:
        """JSON from which `restore` continues."""
        return {"windows": self.windows, "open_steps": self.open_steps, "open_sums": self.open_sums}

    def restore(self, state: dict[str, Any]) -> None:
        """Inverse of `state`."""
        self.windows = [(step, tuple(losses)) for step, losses in state["windows"]]
        self.open_steps, self.open_sums = state["open_steps"], list(state["open_sums"])
