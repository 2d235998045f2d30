from __future__ import annotations

import pytest

from encore.encoders.training.history import LossHistory


def test_windows_hold_the_mean_of_their_steps_and_the_last_is_cut_short():
    history = LossHistory(("a", "b"), 250)
    for step in range(1, 251):
        history.add(step, (float(step), 1.0))
    # 250 steps in at most 100 windows are 83 windows of 3 steps and one of a single step.
    assert len(history.windows) == 84
    assert history.to_dict()[0] == {"step": 3, "losses": {"a": pytest.approx(2.0), "b": pytest.approx(1.0)}}
    assert history.to_dict()[-1]["losses"]["a"] == pytest.approx(250.0)


def test_a_state_goes_on_in_the_middle_of_a_window():
    whole, first, second = (LossHistory(("a",), 250) for _ in range(3))
    for step in range(1, 251):
        whole.add(step, (step / 7,))
    for step in range(1, 101):
        first.add(step, (step / 7,))
    second.restore(first.state())
    for step in range(101, 251):
        second.add(step, (step / 7,))
    assert second == whole
