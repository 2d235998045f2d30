"""Scoring on a device says what each head's own module says; on the CPU here, on CUDA where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

from encore.featurestore import FeatureBlock, FeatureSpec, StoreError, UsageError
from encore.heads import AttentionPooling, Head, HeadModel, Scorer
from encore.heads.scoring import device as device_scoring
from encore.heads.scoring import device_heads
from encore.heads.scoring import scorer as scoring
from encore.heads.scoring.device import DeviceScoring
from encore.heads.scoring.device_heads import AttentionSet, SingleHead, heads_on
from encore.heads.scoring.streams import DeviceStreams
from tests.heads.building import CLASSES, QUANTIZERS, block_of, by_module, family, head_of, require_of_blocks, spec_of

CPU = torch.device("cpu")
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
HALVES = 0.01
"""How far halves may move a probability; of the random heads here, whose scores are large."""


def on_device(
    heads: Sequence[Head], spec: FeatureSpec, block: FeatureBlock, dtype: torch.dtype = torch.float32
) -> list[np.ndarray]:
    """Probabilities by the device's way, on the CPU."""
    first_lengths = block.first_lengths if any(head.model.of_pairs for head in heads) else None
    return DeviceScoring([head.model for head in heads], spec, CPU, dtype).probabilities(block, first_lengths)


def with_shape(spec: FeatureSpec, seed: int, classes: int, attention_heads: int, queries: int = 1) -> Head:
    """A head of so many classes and attention heads."""
    generator = torch.Generator().manual_seed(seed)
    names = tuple(f"class {number}" for number in range(classes))
    model = HeadModel.build(
        spec, classes, "attention", attention_heads=attention_heads, queries=queries, generator=generator
    )
    return Head(**{**vars(head_of(spec, seed=seed)), "model": model.eval(), "classes": names})


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets so small that every block is many parts, batches and sets of heads."""
    make_small(monkeypatch)


def make_small(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(device_scoring, "DEVICE_BATCH_FLOATS", 16 * 40)
    patch.setattr(device_scoring, "SUM_FLOATS", 16 * 7)
    patch.setattr(device_scoring, "PART_BYTES", 90)
    patch.setattr(device_heads, "DEVICE_ROWS", 2)


@pytest.mark.parametrize("examples", [25, pytest.param(400, marks=pytest.mark.soak)])
@pytest.mark.parametrize("quantizer", QUANTIZERS)
@pytest.mark.parametrize("layers", ["mean:4", "stack:4"])
def test_every_head_says_what_its_module_says(quantizer: str, layers: str, examples: int) -> None:
    spec = spec_of(quantizer, layers)
    heads = family(spec)

    def says_the_same(block: FeatureBlock) -> None:
        with pytest.MonkeyPatch.context() as patch:
            make_small(patch)
            results = on_device(heads, spec, block)
        for head, probabilities in zip(heads, results, strict=True):
            assert probabilities.shape == (len(block), len(CLASSES))
            assert probabilities.dtype == np.float32
            np.testing.assert_allclose(probabilities, by_module(head, spec, block), atol=1e-5)

    require_of_blocks(spec, examples, says_the_same)


@pytest.mark.parametrize("positions", ["cls", "mean"])
def test_stores_of_one_vector_a_document_are_scored(positions: str) -> None:
    spec = spec_of("float16", positions=positions)
    head, block = head_of(spec, positions), block_of(spec, [1] * 9)
    np.testing.assert_allclose(on_device([head], spec, block)[0], by_module(head, spec, block), atol=1e-5)


@pytest.mark.parametrize("width", [16, 12])
def test_heads_of_many_shapes_go_together_in_any_order(width: int) -> None:
    spec = spec_of(width=width)
    shapes = [(3, 4, 1), (2, 2, 1), (5, 4, 1), (3, 4, 2), (3, 4, 1), (2, 4, 1), (5, 4, 1), (3, 1, 3)]
    heads = [with_shape(spec, seed, *shape) for seed, shape in enumerate(shapes)]
    block = block_of(spec, [4, 1, 17, 9, 8, 3])
    for head, probabilities in zip(heads, on_device(heads, spec, block), strict=True):
        assert probabilities.shape == (6, len(head.classes))
        np.testing.assert_allclose(probabilities, by_module(head, spec, block), atol=1e-5)


def test_it_says_what_the_processors_way_says() -> None:
    spec = spec_of("uint8", width=128)
    heads = [with_shape(spec, seed, 2 + seed % 3, 2) for seed in range(5)]
    block = block_of(spec, np.random.default_rng(0).integers(1, 60, 100).tolist())
    for scores, probabilities in zip(Scorer(heads, spec).score(block), on_device(heads, spec, block), strict=True):
        np.testing.assert_allclose(probabilities, scores.probabilities, atol=1e-5)


@pytest.mark.parametrize("quantizer", ["sign", "uint8", "float16"])
def test_halves_change_little(quantizer: str) -> None:
    spec = spec_of(quantizer, width=128)
    heads = [*family(spec), with_shape(spec, 1, 3, 2)]
    lengths = np.random.default_rng(0).integers(1, 60, 100)
    block = block_of(spec, lengths.tolist(), first_lengths=(lengths // 2 + 1).tolist())
    for head, probabilities in zip(heads, on_device(heads, spec, block, torch.float16), strict=True):
        exact = by_module(head, spec, block)
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities, exact, atol=HALVES)
        # Heads that a batch of products cannot take compute as their modules do; signs are exact in halves.
        stacked = isinstance(head.model.pooling, AttentionPooling)
        assert not stacked or np.abs(probabilities - exact).max() > 1e-6


def test_attention_heads_are_stacked_and_each_other_head_is_by_itself() -> None:
    spec = spec_of()
    heads = [head.model for head in family(spec)]
    made = list(heads_on(dict(enumerate(heads)), CPU, torch.float32))
    assert sorted(type(one).__name__ for one in made) == ["AttentionSet"] * 3 + ["SingleHead"] * 4
    places = [place for one in made for answer in one.answers for place in answer.places]
    assert sorted(places) == list(range(len(heads)))
    assert [one.answers[0].places for one in made if isinstance(one, SingleHead)] == [(3,), (4,), (5,), (7,)]
    assert [one.vectors for one in made if isinstance(one, AttentionSet)] == [2, 3, 2]


@pytest.mark.parametrize(
    ("together", "attention_heads", "queries", "sets"),
    [(1, 1, 1, [1] * 5), (3, 1, 1, [2, 3]), (5, 1, 1, [5]), (9, 2, 2, [4, 8, 8]), (3, 4, 1, [4] * 5)],
)
def test_no_more_attention_heads_are_together_than_may_be(
    together: int, attention_heads: int, queries: int, sets: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_heads, "DEVICE_ROWS", together)
    spec = spec_of()
    models = {place: with_shape(spec, place, 3, attention_heads, queries).model for place in range(5)}
    assert [heads.vectors for heads in heads_on(models, CPU, torch.float32)] == sets


def test_the_heads_stay_where_and_what_they_are() -> None:
    spec = spec_of()
    heads = family(spec)
    files = [head.to_files() for head in heads]
    block = block_of(spec, [3, 1], first_lengths=[1, 1])
    on_device(heads, spec, block, torch.float16)
    assert [head.to_files() for head in heads] == files
    assert {parameter.dtype for head in heads for parameter in head.model.parameters()} == {torch.float32}
    assert not any(parameter.is_inference() for head in heads for parameter in head.model.parameters())


def test_features_are_decoded_once_and_in_bounded_pieces(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of("float16")
    block = block_of(spec, np.random.default_rng(0).integers(1, 30, 200).tolist())
    seen: list[tuple[int, int]] = []
    uploaded: list[int] = []
    score, upload = AttentionSet.score, DeviceStreams.upload

    def watched(self: Any, batch: Any) -> list[torch.Tensor]:
        seen.append((len(batch), batch.tokens))
        return score(self, batch)

    def noted(self: Any, values: np.ndarray) -> torch.Tensor:
        uploaded.append(values.nbytes if values.dtype == np.float16 else 0)
        return upload(self, values)

    monkeypatch.setattr(AttentionSet, "score", watched)
    monkeypatch.setattr(DeviceStreams, "upload", noted)
    monkeypatch.setattr(device_scoring, "DEVICE_BATCH_FLOATS", 16 * 64)
    monkeypatch.setattr(device_scoring, "PART_BYTES", 32 * 500)
    on_device([head_of(spec)], spec, block)
    # Documents are padded to a multiple of eight tokens, and a batch is up to seven of them.
    assert sum(documents for documents, _ in seen) == 200
    assert all(tokens % 8 == 0 and documents * tokens <= 64 and documents <= 7 for documents, tokens in seen)
    assert sum(uploaded) == block.packed.nbytes
    assert max(uploaded) <= 32 * 500
    assert len([size for size in uploaded if size]) == -(-block.packed.nbytes // (32 * 500))


def test_documents_of_like_length_go_together_even_where_few_may(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of()
    monkeypatch.setattr(device_scoring, "DEVICE_BATCH_FLOATS", 16 * 640)
    # Ten documents at most, which count as 64 tokens each.
    monkeypatch.setattr(device_scoring, "SUM_FLOATS", 16 * 10)
    seen: list[int] = []
    score = AttentionSet.score
    monkeypatch.setattr(
        AttentionSet, "score", lambda self, batch: (seen.append(len(batch.rows)), score(self, batch))[1]
    )
    block = block_of(spec, [8, 64, 16, 8, 40] * 20)
    on_device([head_of(spec)], spec, block)
    assert len(seen) == 10
    assert sum(seen) == len(block.packed)


def test_an_empty_block_has_empty_scores() -> None:
    spec = spec_of()
    assert on_device([head_of(spec)], spec, block_of(spec, []))[0].shape == (0, 3)


def test_threads_may_share_it(small: None) -> None:
    spec = spec_of()
    scorer = DeviceScoring([head_of(spec, seed=seed).model for seed in range(3)], spec, CPU)
    blocks = [block_of(spec, [3 + seed % 5] * 50, seed) for seed in range(8)]
    alone = [scorer.probabilities(block, None) for block in blocks]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda block: scorer.probabilities(block, None), blocks))
    for one, other in zip(alone, together, strict=True):
        assert all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def test_a_scorer_elsewhere_checks_its_blocks_and_names_its_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, torch.dtype]] = []

    class Elsewhere(DeviceScoring):
        def __init__(self, models: Any, spec: Any, device: torch.device, dtype: torch.dtype) -> None:
            made.append((str(device), dtype))
            super().__init__(models, spec, CPU, dtype)

    monkeypatch.setattr(scoring, "DeviceScoring", Elsewhere)
    spec = spec_of()
    heads = [head_of(spec), head_of(spec, "pair", task="other")]
    scorer = Scorer(heads, spec, "cuda:1", torch.float16)
    assert made == [("cuda:1", torch.float16)]
    with pytest.raises(StoreError, match="do not match the spec"):
        scorer.score(block_of(spec_of("float16"), [1]))
    whole = block_of(spec, [2, 3], first_lengths=[1, 2])
    assert [scores.head for scores in scorer.score(whole)] == heads
    Scorer(heads, spec)
    assert len(made) == 1


def test_halves_are_for_a_gpu_and_bfloat16_for_none() -> None:
    spec = spec_of()
    with pytest.raises(UsageError, match="dtype float16 on the CPU: heads score in float32 there"):
        Scorer([head_of(spec)], spec, "cpu", torch.float16)
    with pytest.raises(UsageError, match="dtype bfloat16: heads score in float32 or float16"):
        Scorer([head_of(spec)], spec, "cuda", torch.bfloat16)


@pytest.mark.cuda
@CUDA
@pytest.mark.parametrize("quantizer", QUANTIZERS)
@pytest.mark.parametrize("layers", ["mean:4", "stack:4"])
def test_a_cuda_device_says_what_the_cpu_says(quantizer: str, layers: str, small: None) -> None:
    spec = spec_of(quantizer, layers)
    lengths = np.random.default_rng(0).integers(1, 60, 300)
    block = block_of(spec, lengths.tolist(), first_lengths=(lengths // 2 + 1).tolist())
    heads = family(spec)
    for mine, theirs in zip(Scorer(heads, spec, "cuda").score(block), Scorer(heads, spec).score(block), strict=True):
        np.testing.assert_allclose(mine.probabilities, theirs.probabilities, atol=1e-4)


@pytest.mark.cuda
@CUDA
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float16, HALVES)])
def test_a_cuda_device_scores_large_blocks_of_large_heads(dtype: torch.dtype, tolerance: float) -> None:
    spec = spec_of(width=1024)
    heads = [head_of(spec, seed=seed) for seed in range(40)]
    block = block_of(spec, np.random.default_rng(0).integers(1, 200, 2000).tolist())
    for mine, theirs in zip(
        Scorer(heads, spec, "cuda", dtype).score(block), Scorer(heads, spec).score(block), strict=True
    ):
        np.testing.assert_allclose(mine.probabilities, theirs.probabilities, atol=tolerance)


@pytest.mark.cuda
@CUDA
def test_threads_share_a_cuda_device(small: None) -> None:
    spec = spec_of()
    scorer = Scorer(family(spec), spec, "cuda")
    blocks = [block_of(spec, [3 + seed % 5] * 500, seed, [1] * 500) for seed in range(16)]
    alone = [scorer.score(block) for block in blocks]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(scorer.score, blocks))
    for one, other in zip(alone, together, strict=True):
        for first, second in zip(one, other, strict=True):
            np.testing.assert_allclose(first.probabilities, second.probabilities, atol=1e-6)


@pytest.mark.cuda
@CUDA
def test_nothing_waits_for_a_cuda_device_but_the_answers() -> None:
    spec = spec_of(width=64)
    scorer = DeviceScoring([head_of(spec, seed=seed).model for seed in range(3)], spec, torch.device("cuda"))
    block = block_of(spec, [3, 40, 9] * 50)
    scorer.probabilities(block, None)
    torch.cuda.set_sync_debug_mode("error")
    try:
        # The event behind the answers, which is waited for, is not what this forbids.
        scorer.probabilities(block, None)
    finally:
        torch.cuda.set_sync_debug_mode("default")
