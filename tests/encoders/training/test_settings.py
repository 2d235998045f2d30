"""Settings of a training of the encoder."""

from __future__ import annotations

import pytest

from encore.encoders.training.settings import TrainingSettings
from encore.featurestore.errors import UsageError


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
