"""Which heads learn together, and in which way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from encore.heads import TrainSettings
from encore.heads.batches import Placement
from encore.heads.training.examples import Examples
from encore.heads.training.grid import train_grid
from encore.heads.training.learners import STACK, HandLearner, Learner, learners_of
from encore.heads.training.trial import Trial
from tests.heads.building import learnable, spec_of

SETTINGS = TrainSettings(epochs=1, learning_rates=(1e-3,), batch_sizes=(8,))
CPU = Placement()


def data() -> Examples:
    spec = spec_of()
    return Examples(*learnable(spec, 8, 3), spec, 3)


def trials_of(count: int, settings: TrainSettings = SETTINGS) -> list[Trial]:
    settings = replace(settings, seeds=tuple(range(count)))
    return list(train_grid(data(), data(), settings.grid("attention"), settings, None))


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (2, [1, 1]), (3, [1, 2]), (8, [4, 4]), (9, [3, 3, 3]), (16, [4] * 4)]
)
def test_stacks_are_even_and_at_least_two(count: int, sizes: list[int]) -> None:
    trials = trials_of(count)
    stacks = learners_of(trials, CPU)
    assert [len(stack.trials) for stack in stacks] == sizes
    assert [trial for stack in stacks for trial in stack.trials] == trials
    assert max(sizes) <= STACK


def test_gradients_by_hand_are_for_a_cpu_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = trials_of(3)
    assert {type(learner) for learner in learners_of(trials, CPU)} == {HandLearner}
    others = learners_of(trials, Placement(dtype=torch.bfloat16))
    # By autograd on a CPU each head is alone.
    assert [(type(learner), len(learner.trials)) for learner in others] == [(Learner, 1)] * 3
    monkeypatch.setattr(Placement, "accelerated", True)
    assert [(type(learner), len(learner.trials)) for learner in learners_of(trials, CPU)] == [(Learner, 3)]


def test_a_stopped_head_learns_no_more_and_the_others_of_its_stack_go_on() -> None:
    trials = trials_of(4, replace(SETTINGS, patience=1))
    stack = Learner(trials, CPU)
    stopped = trials[1]
    # Its last epoch was no better than the one before.
    stopped.end_epoch(replace(stopped.history[0], number=2), None)
    assert stopped.stopped
    stack.leave_out_stopped()
    assert stack.trials == (trials[0], trials[2], trials[3])
    before = [trial.values["pooling.query"].clone() for trial in trials]
    examples = data()
    documents = np.arange(8)
    assert stack.learn(examples.batch(documents, of_pairs=False), torch.from_numpy(examples.codes)).shape == (3,)
    moved = [not torch.equal(trial.values["pooling.query"], old) for trial, old in zip(trials, before, strict=True)]
    assert moved == [True, False, True, True]
