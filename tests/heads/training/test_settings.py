"""Hyper-parameters: their defaults, their limits, and the passes of small training sets."""

from __future__ import annotations

import json

import pytest

from encore.featurestore import UsageError
from encore.heads import TrainSettings


def test_defaults_are_those_of_the_documentation() -> None:
    assert TrainSettings().to_dict() == {
        "poolings": (),
        "attention_heads": None,
        "queries": 1,
        "layer_mix": "learned",
        "epochs": None,
        "learning_rates": (3e-4,),
        "batch_sizes": (32,),
        "warmup": 0.06,
        "dropout": 0.1,
        "weight_decay": 0.01,
        "beta1": 0.9,
        "beta2": 0.98,
        "epsilon": 1e-6,
        "seeds": (0,),
        "order_seed": None,
        "standardise": True,
        "patience": None,
    }
    json.dumps(TrainSettings().to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("documents", "epochs"), [(10_000, 8), (1_216, 8), (1_184, 9), (480, 20), (100, 75), (32, 300), (1, 300)]
)
def test_few_documents_get_more_passes(documents: int, epochs: int) -> None:
    assert TrainSettings().epochs_for(documents, 32) == epochs


def test_epochs_that_were_asked_for_are_kept() -> None:
    assert TrainSettings(epochs=2).epochs_for(10, 32) == 2


def test_the_grid_is_every_pair() -> None:
    settings = TrainSettings(learning_rates=(1e-3, 1e-4), batch_sizes=(16, 32))
    rates_and_sizes = [(point.learning_rate, point.batch_size) for point in settings.grid("mean")]
    assert rates_and_sizes == [(1e-3, 16), (1e-3, 32), (1e-4, 16), (1e-4, 32)]
    assert {(point.pooling, point.seed) for point in settings.grid("mean")} == {("mean", 0)}
    settings = TrainSettings(poolings=("cls", "attention", "cls"), seeds=(3, 1))
    poolings_and_seeds = [(point.pooling, point.seed) for point in settings.grid("mean")]
    assert poolings_and_seeds == [("cls", 3), ("cls", 1), ("attention", 3), ("attention", 1)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"poolings": ("mean", "no-such-pooling")}, "pooling 'no-such-pooling'"),
        ({"queries": 0}, "queries 0: expected 1 to 64"),
        ({"queries": 2, "poolings": ("attention", "mean")}, "queries 2: pooling mean has none"),
        ({"layer_mix": "no-such-mix"}, "layer mix 'no-such-mix'"),
        ({"epochs": 0}, "epochs 0"),
        ({"learning_rates": ()}, "learning rate none"),
        ({"learning_rates": (1e-3, 0.0)}, "learning rate 0.001, 0.0"),
        ({"learning_rates": (float("nan"),)}, "learning rate nan"),
        ({"batch_sizes": (0,)}, "batch size 0"),
        ({"dropout": 1.0}, "dropout 1.0"),
        ({"warmup": -0.1}, "warm-up -0.1"),
        ({"seeds": (0, 2**70)}, f"seed {2**70}: expected a number of 64 bits"),
        ({"seeds": ()}, "seed none"),
        ({"order_seed": -(2**70)}, f"seed {-(2**70)}"),
        ({"patience": 0}, "patience 0: expected at least 1 epoch"),
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TrainSettings(**wrong)
