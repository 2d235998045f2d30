"""A CUDA device gives what the CPU gives: batches launched without waiting, packed there, copied behind the next."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch

from encore.encoders import Encoder, Extraction, FeatureExtractor, load_encoder
from tests.encoders.plain import block, plain_features, spec_for

pytestmark = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]

TEXTS = ["one", "of the news", "a good film and a bad film " * 3, "is it", "the end of it all in the end"] * 9


@pytest.fixture(scope="module")
def on_cuda(bert_path: Path) -> Encoder:
    return load_encoder(str(bert_path), device="cuda")


@pytest.mark.parametrize("layers", ["last", "mean:3", "stack:2"])
@pytest.mark.parametrize("positions", ["tokens", "cls", "mean"])
def test_features_are_those_of_transformers_on_the_cpu(
    on_cuda: Encoder, bert_path: Path, layers: str, positions: str
) -> None:
    spec = spec_for(on_cuda, layers=layers, positions=positions)
    expected = torch.cat(plain_features(bert_path, TEXTS, None, spec)).numpy()
    for budget in (16, 200, 32768):
        packed = FeatureExtractor(on_cuda, spec, budget).extract(block(TEXTS)).features.packed
        np.testing.assert_allclose(packed.astype(np.float32), expected, rtol=2e-3, atol=2e-3)


def test_signs_are_packed_on_the_device(on_cuda: Encoder) -> None:
    floats = FeatureExtractor(on_cuda, spec_for(on_cuda)).extract(block(TEXTS)).features.packed
    bits = FeatureExtractor(on_cuda, spec_for(on_cuda, quantizer="sign")).extract(block(TEXTS)).features.packed
    # Halves lose the sign of what is smaller than they can hold, and of nothing else.
    np.testing.assert_array_equal(bits, np.packbits(floats >= 0, axis=-1))


def test_bfloat16_is_near_single_precision(bert_path: Path, on_cuda: Encoder) -> None:
    half = load_encoder(str(bert_path), device="cuda", dtype="bfloat16")
    own, exact = (
        FeatureExtractor(encoder, spec_for(encoder)).extract(block(TEXTS)).features.packed.astype(np.float32)
        for encoder in (half, on_cuda)
    )
    assert np.abs(own - exact).mean() < 0.02 * np.abs(exact).mean() + 0.02


def test_threads_that_share_the_device_get_what_one_gets(on_cuda: Encoder) -> None:
    extractor = FeatureExtractor(on_cuda, spec_for(on_cuda, quantizer="sign"), 64)
    found: list[Extraction] = []
    threads = [Thread(target=lambda: found.append(extractor.extract(block(TEXTS)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = extractor.extract(block(TEXTS)).features.packed
    assert len(found) == 4
    for extraction in found:
        np.testing.assert_array_equal(extraction.features.packed, alone)
