"""One pass with many heads says what each head's own module says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore import FeatureBlock, SpecMismatch, StoreError, UsageError
from encore.heads import Head, HeadModel, Scorer
from encore.heads.batches import decoding, sampler
from encore.heads.batches.decoding import pad
from encore.heads.scoring import head_groups, processor
from tests.heads.building import (
    CLASSES,
    LENGTHS,
    QUANTIZERS,
    block_of,
    by_module,
    family,
    head_of,
    require_of_blocks,
    spec_of,
)


@pytest.mark.parametrize("examples", [25, pytest.param(400, marks=pytest.mark.soak)])
@pytest.mark.parametrize("quantizer", QUANTIZERS)
@pytest.mark.parametrize("layers", ["mean:4", "stack:4"])
def test_every_head_of_one_pass_says_what_its_module_says(quantizer: str, layers: str, examples: int) -> None:
    spec = spec_of(quantizer, layers)
    heads = family(spec)

    def says_the_same(block: FeatureBlock) -> None:
        with pytest.MonkeyPatch.context() as patch:
            # Budgets so small that every block is many batches and groups.
            patch.setattr(sampler, "BATCH_FLOATS", 16 * 40)
            patch.setattr(processor, "GROUP_DOCUMENTS", 7)
            patch.setattr(processor, "KEPT_FLOATS", 2 * 16 * 40)
            # Attention heads are pooled a few at a time, and one of them alone.
            patch.setattr(head_groups, "ATTENTION_ROWS", 2)
            results = Scorer(heads, spec).score(block)
        assert [scores.head for scores in results] == heads
        for head, scores in zip(heads, results, strict=True):
            assert scores.probabilities.shape == (len(block), len(CLASSES))
            assert scores.probabilities.dtype == np.float32
            np.testing.assert_allclose(scores.probabilities, by_module(head, spec, block), atol=1e-5)
            np.testing.assert_allclose(scores.probabilities.sum(axis=1), 1, atol=1e-6)

    require_of_blocks(spec, examples, says_the_same)


@pytest.mark.parametrize("positions", ["cls", "mean"])
def test_stores_of_one_vector_a_document_are_scored(positions: str) -> None:
    spec = spec_of("float16", positions=positions)
    head, block = head_of(spec, positions), block_of(spec, [1] * 9)
    np.testing.assert_allclose(
        Scorer([head], spec).score(block)[0].probabilities, by_module(head, spec, block), atol=1e-5
    )


def test_attention_of_different_numbers_of_heads_and_classes_goes_together() -> None:
    spec = spec_of(width=16)
    heads = [head_of(spec, seed=seed) for seed in range(2)]
    wide = head_of(spec, seed=2)
    model = HeadModel.build(spec, 5, "attention", attention_heads=4).eval()
    heads.insert(1, Head(**{**vars(wide), "model": model, "classes": tuple("abcde")}))
    block = block_of(spec, [4, 1, 7])
    for head, scores in zip(heads, Scorer(heads, spec).score(block), strict=True):
        np.testing.assert_allclose(scores.probabilities, by_module(head, spec, block), atol=1e-5)


@given(lengths=LENGTHS, places=st.data())
def test_a_documents_scores_do_not_depend_on_its_company(lengths: list[int], places: Any) -> None:
    spec = spec_of()
    block, heads = block_of(spec, lengths), family(spec)
    document = places.draw(st.integers(0, len(lengths) - 1))
    together = Scorer(heads, spec).score(block)
    for head, scores in zip(heads, together, strict=True):
        alone = Scorer([head], spec).score(block.slice(document, document + 1))[0]
        np.testing.assert_allclose(scores.probabilities[document], alone.probabilities[0], atol=1e-6)


def test_scoring_twice_gives_the_same_numbers() -> None:
    spec = spec_of("float16")
    block, scorer = block_of(spec, list(range(1, 40))), Scorer(family(spec), spec)
    for first, second in zip(scorer.score(block), scorer.score(block), strict=True):
        assert np.array_equal(first.probabilities, second.probabilities)


@pytest.mark.parametrize("layers", ["mean:4", "stack:4"])
def test_threads_may_share_a_scorer(layers: str) -> None:
    spec = spec_of(layers=layers)
    scorer = Scorer(family(spec), spec)
    blocks = [block_of(spec, [3 + seed % 5] * 50, seed) for seed in range(16)]
    # torch's setting is one of each thread. With more of them some processors round a product differently.
    one_thread = {"initializer": torch.set_num_threads, "initargs": (1,)}
    with ThreadPoolExecutor(1, **one_thread) as pool:
        alone = list(pool.map(scorer.score, blocks))
    with ThreadPoolExecutor(4, **one_thread) as pool:
        together = list(pool.map(scorer.score, blocks))
    for one, other in zip(alone, together, strict=True):
        for first, second in zip(one, other, strict=True):
            assert np.array_equal(first.probabilities, second.probabilities)


def test_features_are_decoded_once_and_in_bounded_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of("float16")
    scorer = Scorer(family(spec), spec)
    block = block_of(spec, np.random.default_rng(0).integers(1, 30, 200).tolist())
    decoded: list[int] = []
    dequantize = type(spec.quantizer).dequantize

    def counting(self: Any, packed: torch.Tensor, width: int, out: torch.Tensor) -> torch.Tensor:
        decoded.append(len(packed))
        return dequantize(self, packed, width, out)

    monkeypatch.setattr(type(spec.quantizer), "dequantize", counting)
    monkeypatch.setattr(sampler, "BATCH_FLOATS", 16 * 100)
    scorer.score(block)
    assert max(decoded) <= 100
    assert len(block.packed) <= sum(decoded) < 1.2 * len(block.packed)


def test_many_queries_over_short_documents_take_few_documents_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of("float16")
    heads = [head_of(spec, queries=4), head_of(spec, seed=1), head_of(spec, "mean")]
    block = block_of(spec, [1, 2] * 100)
    seen: list[int] = []

    def counting(rows: Any, offsets: Any, documents: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(len(documents))
        return pad(rows, offsets, documents)

    monkeypatch.setattr(decoding, "pad", counting)
    # 5 queries of one attention head of 16 floats: eight documents.
    monkeypatch.setattr(processor, "POOLED_FLOATS", 8 * 5 * 16)
    results = Scorer(heads, spec).score(block)
    assert max(seen) == 8
    assert sum(seen) == 200
    monkeypatch.undo()
    for head, scores in zip(heads, results, strict=True):
        np.testing.assert_allclose(scores.probabilities, by_module(head, spec, block), atol=1e-5)


def test_an_empty_block_has_empty_scores() -> None:
    spec = spec_of()
    assert Scorer([head_of(spec)], spec).score(block_of(spec, []))[0].probabilities.shape == (0, 3)


def test_a_head_of_another_spec_is_refused_and_nothing_scored() -> None:
    with pytest.raises(SpecMismatch, match="head task and the features hold different features"):
        Scorer([head_of(spec_of("sign")), head_of(spec_of("uint8"))], spec_of("sign"))


def test_a_block_of_another_spec_is_refused() -> None:
    spec = spec_of()
    with pytest.raises(StoreError, match="do not match the spec"):
        Scorer([head_of(spec)], spec).score(block_of(spec_of("float16"), [1]))


def test_no_heads_are_refused() -> None:
    with pytest.raises(UsageError, match="no head to score with"):
        Scorer([], spec_of())


def too_large(head: Head) -> Head:
    """A head of finite weights whose products are not."""
    weights = {name: tensor * 1e30 for name, tensor in head.model.state_dict().items()}
    head.model.load_state_dict(weights)
    return head


@pytest.mark.parametrize("pooling", ["attention", "pair"])
def test_weights_that_are_too_large_to_compute_with_give_an_error_and_not_the_first_class(pooling: str) -> None:
    spec = spec_of("float16")
    block = block_of(spec, [3, 1, 4], first_lengths=[2, 1, 1])
    heads = [head_of(spec, task="good"), too_large(head_of(spec, pooling, task="huge"))]
    with pytest.raises(StoreError, match=r"head huge: gives 3 of 3 documents no probability \(NaN\)"):
        Scorer(heads, spec).score(block)


def test_damaged_features_give_an_error_and_not_the_first_class() -> None:
    spec = spec_of("float16")
    block = block_of(spec, [3, 1, 4])
    block.packed[3] = np.nan
    with pytest.raises(StoreError, match=r"head task: gives \d of 3 documents no probability \(NaN\)"):
        Scorer([head_of(spec)], spec).score(block)
