"""Affine maps through oneDNN give what torch's own give, and only a model that allows it has them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import GELU, Linear, Module, Sequential
from transformers import AutoModel

import encore.encoders.transformer.onednn
from encore.encoders import FeatureExtractor, load_encoder
from encore.encoders.batches.budget import NO_PADDING, Padding
from encore.encoders.device import DTYPES
from encore.encoders.transformer.onednn import OneDnnLinear, computes_in, has_onednn, use_onednn
from encore.featurestore.errors import UsageError
from tests.encoders.plain import block, spec_for
from tests.models import tiny_bert, tiny_roberta

pytestmark = pytest.mark.skipif(not has_onednn(), reason="this torch has no oneDNN here")


class Wide(Module):
    """Laid out as BERT's feed-forward block is."""

    def __init__(self, activation: Module) -> None:
        super().__init__()
        self.dense = Linear(5, 9)
        self.intermediate_act_fn = activation

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.intermediate_act_fn(self.dense(values))


@pytest.mark.parametrize("dtype", [dtype for dtype in DTYPES.values() if computes_in(dtype)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [(1,), (7,), (2, 33), (0,)])
@torch.inference_mode()
def test_a_map_is_a_product_and_a_sum(rows: tuple[int, ...], bias: bool, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    linear = Linear(24, 40, bias=bias).to(dtype)
    values = torch.randn(*rows, 24).to(dtype)
    expected = values.double() @ linear.weight.double().T + (linear.bias.double() if bias else 0.0)
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(OneDnnLinear(linear)(values).double(), expected, rtol=tolerance, atol=tolerance)


@torch.inference_mode()
def test_one_thread_gives_the_bits_of_two() -> None:
    """Runs divide the cores as it suits them, and a rerun has to store the same features."""
    torch.manual_seed(0)
    mapped, threads = OneDnnLinear(Linear(384, 96), gelu=True), torch.get_num_threads()
    for rows in (1, 7, 250):
        values = torch.randn(rows, 384)
        try:
            results = []
            for number in (1, 2):
                torch.set_num_threads(number)
                results.append(mapped(values))
        finally:
            torch.set_num_threads(threads)
        assert torch.equal(*results)


@torch.inference_mode()
def test_gelu_is_taken_with_the_map_where_it_is_the_exact_one() -> None:
    torch.manual_seed(0)
    for activation, fused in ((GELU(), "gelu"), (GELU(approximate="tanh"), "none"), (torch.nn.ReLU(), "none")):
        model, values = Wide(activation).eval(), torch.randn(11, 5) * 4
        expected = model(values)
        assert use_onednn(model, lambda: None)
        assert model.dense.activation == fused
        torch.testing.assert_close(model(values), expected, rtol=1e-5, atol=1e-5)


def test_a_model_that_cannot_be_run_with_it_is_left_as_it_was() -> None:
    model = Sequential(Linear(3, 4), Wide(GELU()))
    before = dict(model.named_modules())

    def fails() -> None:
        raise UsageError("it reads the weights itself")

    assert not use_onednn(model, fails)
    assert dict(model.named_modules()) == before


def test_a_map_whose_weights_are_shared_is_left_alone() -> None:
    model = Sequential(Linear(3, 3), Linear(3, 3), Linear(3, 3))
    model[2].weight = model[0].weight
    assert use_onednn(model, lambda: None)
    assert [type(layer) for layer in model] == [Linear, OneDnnLinear, Linear]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_map_of_a_type_that_this_processor_cannot_multiply_is_left_alone(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encore.encoders.transformer.onednn, "computes_in", lambda asked: asked == torch.float32)
    model = Sequential(Linear(3, 3, dtype=dtype), Linear(3, 3))
    assert use_onednn(model, lambda: None)
    assert [type(layer) for layer in model] == [Linear, OneDnnLinear]


def test_an_encoder_runs_where_the_processor_has_no_half_precision(tmp_path: Path) -> None:
    """oneDNN reads the variable once, when it is loaded."""
    code = (
        "import sys, torch; from encore.encoders import load_encoder, FeatureExtractor;"
        "from tests.encoders.plain import block, spec_for;"
        "encoder = load_encoder(sys.argv[1], device='cpu', dtype='bfloat16');"
        "print(FeatureExtractor(encoder, spec_for(encoder)).extract(block(['the news'])).tokens)"
    )
    narrow = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    folder = str(tiny_bert(tmp_path))
    done = subprocess.run([sys.executable, "-c", code, folder], env=narrow, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"4\n"), done.stderr.decode()


def test_products_of_a_whole_block_have_few_numbers_of_rows(tmp_path: Path) -> None:
    """oneDNN keeps code for each number of rows that it ever met."""
    encoder = load_encoder(str(tiny_bert(tmp_path)), device="cpu")
    rows: set[int] = set()
    for module in encoder.model.modules():
        if isinstance(module, OneDnnLinear):
            module.register_forward_hook(lambda _, values, __: rows.add(values[0].shape[:-1].numel()))
    words = np.random.default_rng(0).integers(1, 50, 400)
    extractor = FeatureExtractor(encoder, spec_for(encoder))
    for some in np.array_split(words, 4):
        extractor.extract(block(["the " * count for count in some]))
    assert rows <= set(range(64, 2049, 64))


@pytest.mark.parametrize("make", [tiny_bert, tiny_roberta])
@torch.inference_mode()
def test_an_encoder_gives_transformers_own_hidden_states(make: object, tmp_path: Path) -> None:
    folder = make(tmp_path)  # type: ignore[operator]
    encoder = load_encoder(str(folder), device="cpu")
    plain = AutoModel.from_pretrained(folder, add_pooling_layer=False).eval()
    kinds = {type(module) for module in encoder.model.modules()}
    assert OneDnnLinear in kinds
    assert Linear not in kinds
    ids = torch.randint(5, 60, (3, 12), generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1] * 12, [1] * 7 + [0] * 5, [1] * 2 + [0] * 10])
    own, reference = (
        model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
        for model in (encoder.model, plain)
    )
    for mine, theirs in zip(own, reference, strict=True):
        torch.testing.assert_close(mine[mask.bool()], theirs[mask.bool()], rtol=1e-5, atol=1e-5)


def test_a_trainable_encoder_keeps_the_maps_that_it_can_learn(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path)
    trainable = load_encoder(str(folder), device="cpu", trainable=True)
    assert OneDnnLinear not in {type(module) for module in trainable.model.modules()}
    frozen = load_encoder(str(folder), device="cpu")
    assert trainable.spec == frozen.spec
    assert (trainable.padding, frozen.padding) == (NO_PADDING, Padding(64, frozen.position_limit))
    frozen.model.requires_grad_(requires_grad=True)
    with pytest.raises(RuntimeError, match="load it with trainable=True"):
        frozen.model(input_ids=torch.tensor([[5, 6]]))
