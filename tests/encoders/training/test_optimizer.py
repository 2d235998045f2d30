from __future__ import annotations

import pytest

from encore.encoders.training.optimizer import rate_share
from encore.encoders.training.settings import TrainingSettings
from encore.featurestore.errors import UsageError


def test_the_rate_rises_over_the_warm_up_and_falls_to_zero():
    settings = TrainingSettings(steps=100, warmup=0.06)
    shares = [rate_share(settings, step) for step in range(100)]
    assert shares[:6] == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1.0])
    assert shares[6:] == pytest.approx([(100 - step) / 94 for step in range(6, 100)])


def test_a_training_of_one_step_has_a_rate():
    assert rate_share(TrainingSettings(steps=1), 0) == 1.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps 0"),
        ({"samples": 0}, "samples 0"),
        ({"batch_tokens": 0}, "batch tokens 0"),
        ({"learning_rate": 0.0}, "learning rate 0.0"),
        ({"learning_rate": float("nan")}, "learning rate nan"),
        ({"head_factor": -1.0}, "head factor -1.0"),
        ({"temperature": -0.5}, "temperature -0.5"),
        ({"warmup": 1.0}, "warm-up 1.0"),
        ({"position": "tokens"}, "pooling 'tokens'"),
        ({"precision": "float16"}, "precision 'float16'"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], message: str):
    with pytest.raises(UsageError, match=message):
        TrainingSettings(**settings)
