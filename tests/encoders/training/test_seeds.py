from __future__ import annotations

import pytest
import torch

from encore.encoders.training.seeds import derived_seed, seeded

CPU = torch.device("cpu")


def test_the_same_parts_give_the_same_seed_and_others_another():
    assert derived_seed(0, "order", "sst2", 3) == derived_seed(0, "order", "sst2", 3)
    seeds = {
        derived_seed(*parts) for parts in [(0, "a", 1), (0, "a", 2), (1, "a", 1), (0, "b", 1), ("0a", 1), (0, "a1")]
    }
    assert len(seeds) == 6
    assert all(0 <= seed < 2**64 for seed in seeds)


def test_what_is_drawn_inside_depends_on_the_parts_alone():
    def drawn(*parts: object) -> list[float]:
        with seeded(CPU, *parts):
            return torch.rand(3).tolist()

    first = drawn(0, "dropout", 1)
    torch.rand(5)
    assert drawn(0, "dropout", 1) == first != drawn(0, "dropout", 2)


def test_the_global_generator_is_put_back_even_after_an_error():
    state = torch.random.get_rng_state()
    with pytest.raises(ZeroDivisionError), seeded(CPU, 1):
        torch.full((int(torch.rand(1).item()),), 1 // 0)
    assert torch.equal(torch.random.get_rng_state(), state)
