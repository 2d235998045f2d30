"""Layer pooling of hidden states."""

from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread

import pytest
import torch
from transformers import AlbertConfig, AlbertModel

from encore.encoders import Encoder, load_encoder
from encore.encoders.passes.layers import RunningMean, hidden_states, mean_layer, pooled_layers
from encore.encoders.transformer.taps import LayerTaps
from encore.featurestore.layers import LayerPooling
from tests.models import tiny_bert

IDS = torch.tensor([[2, 40, 50, 3]])


def first(values: torch.Tensor) -> torch.Tensor:
    return values[:, 0].float()


@pytest.mark.parametrize("numbers", [range(3, 4), range(1, 2), range(2, 4), range(1, 4)])
@torch.inference_mode()
def test_the_layers_asked_for_are_those_of_transformers(bert: Encoder, numbers: range) -> None:
    inputs = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}
    every = bert.model(**inputs, output_hidden_states=True).hidden_states
    states = hidden_states(bert, inputs, numbers)
    assert len(states) == len(numbers)
    for state, number in zip(states, numbers, strict=True):
        torch.testing.assert_close(state, every[number], rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_layers_are_averaged_in_single_precision_and_left_as_they_are(dtype: torch.dtype) -> None:
    layers = [torch.full((1, 2, 1), value, dtype=dtype) for value in (256.0, 1.0, 1.0)]
    mean = RunningMean()
    for layer in layers:
        mean.add(layer)
    assert mean.finish()[0, 0, 0].item() == pytest.approx(86.0)
    assert layers[0][0, 0, 0] == 256.0


@pytest.mark.parametrize("count", [2, 3])
@torch.inference_mode()
def test_layers_added_as_they_come_give_the_bits_of_those_kept_to_the_end(bert: Encoder, count: int) -> None:
    inputs = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}
    numbers = range(4 - count, 4)
    assert bert.taps is not None
    assert bert.taps.numbers == {1, 2}
    kept = torch.stack(bert.model(**inputs, output_hidden_states=True).hidden_states[4 - count :]).mean(dim=0)
    torch.testing.assert_close(mean_layer(bert, inputs, numbers), kept, rtol=1e-6, atol=1e-6)
    without = mean_layer(replace(bert, taps=None), inputs, numbers)
    assert torch.equal(mean_layer(bert, inputs, numbers), without)


def test_each_thread_hears_its_own_run(bert: Encoder) -> None:
    barrier, found = Barrier(2), {}

    @torch.inference_mode()
    def work(token: int) -> None:
        ids = torch.full((1, 6), token)
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        barrier.wait()
        found[token] = [mean_layer(bert, inputs, range(1, 4)) for _ in range(20)]
        found[-token] = [mean_layer(replace(bert, taps=None), inputs, range(1, 4))]

    threads = [Thread(target=work, args=(token,)) for token in (40, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for token in (40, 50):
        assert all(torch.equal(mean, found[-token][0]) for mean in found[token])


@torch.inference_mode()
def test_layers_that_share_a_module_are_asked_for_in_the_end() -> None:
    torch.manual_seed(0)
    config = AlbertConfig(
        vocab_size=60,
        embedding_size=8,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
    )
    model = AlbertModel(config).eval()
    taps = LayerTaps.find(model, lambda: model(input_ids=IDS, output_hidden_states=True))
    assert not taps.numbers


@torch.inference_mode()
def test_stacked_layers_are_lowest_first(tmp_path: Path) -> None:
    bert = load_encoder(str(tiny_bert(tmp_path)), device="cpu")
    inputs = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}
    states = bert.model(**inputs, output_hidden_states=True).hidden_states
    stacked = pooled_layers(bert, inputs, LayerPooling("stack", 2), first)
    torch.testing.assert_close(stacked, torch.stack([states[2][:, 0], states[3][:, 0]], dim=1), rtol=0, atol=0)
