"""Documents that cannot be encoded are rejected one by one, and the rest of their block is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from encore.encoders import Encoder, Extraction, FeatureExtractor
from encore.encoders.batches.budget import NO_PADDING
from tests.encoders.plain import block, spec_for

TEXTS = ["good news", "the", "bad film", "x" * 30, "news of the news"]


def test_a_document_without_tokens_is_rejected_and_the_rest_kept(bert: Encoder) -> None:
    extraction = FeatureExtractor(bert, spec_for(bert)).extract(block(["the", "\u200b", "news", ""]))
    assert extraction.features.doc_ids.to_pylist() == ["d0", "d2"]
    assert [(r.position, r.stage, r.reason) for r in extraction.rejected] == [
        (1, "tokenize", "no tokens"),
        (3, "tokenize", "no tokens"),
    ]
    empty = FeatureExtractor(bert, spec_for(bert)).extract(block(["\u200b"]))
    assert len(empty.features) == 0
    assert len(empty.rejected) == 1


def test_a_token_beyond_the_embeddings_rejects_its_document(bert: Encoder) -> None:
    small = replace(bert, vocabulary=bert.tokenizer.token_to_id("news"))
    extraction = FeatureExtractor(small, spec_for(small)).extract(block(["the", "the news"]))
    assert extraction.features.doc_ids.to_pylist() == ["d0"]
    assert extraction.rejected[0].stage == "tokenize"
    assert "no embedding" in extraction.rejected[0].reason


class FaultyModel(torch.nn.Module):
    """An encoder's model that fails where ``fails`` says so, on the input ids (documents, longest)."""

    def __init__(self, model: torch.nn.Module, fails: Any) -> None:
        super().__init__()
        self.model, self.fails = model, fails
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, **inputs: Any) -> Any:
        ids = inputs["input_ids"]
        self.shapes.append(tuple(ids.shape))
        self.fails(ids)
        return self.model(**inputs)


def faulty(encoder: Encoder, fails: Any) -> tuple[Encoder, FaultyModel]:
    model = FaultyModel(encoder.model, fails)
    return replace(encoder, model=model), model


def same_features(one: Extraction, other: Extraction) -> bool:
    return np.allclose(
        one.features.packed.astype(np.float32), other.features.packed.astype(np.float32), rtol=2e-3, atol=2e-3
    )


def test_out_of_memory_halves_the_budget_for_the_rest_of_the_block(bert: Encoder) -> None:
    def no_room(ids: torch.Tensor) -> None:
        if ids.numel() > 40:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    encoder, model = faulty(replace(bert, padding=NO_PADDING), no_room)
    texts = ["the news of the film"] * 16
    extractor = FeatureExtractor(encoder, spec_for(bert), 112)
    extraction = extractor.extract(block(texts))
    assert extraction.rejected == ()
    assert same_features(extraction, FeatureExtractor(bert, spec_for(bert), 35).extract(block(texts)))
    assert model.shapes == [(16, 7), (8, 7), *[(4, 7)] * 4]
    model.shapes.clear()
    extractor.extract(block(texts))
    assert model.shapes[0] == (16, 7)


def test_a_document_that_never_fits_is_rejected(bert: Encoder) -> None:
    def no_room(ids: torch.Tensor) -> None:
        if ids.shape[1] > 20:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    encoder, _ = faulty(bert, no_room)
    extraction = FeatureExtractor(encoder, spec_for(bert)).extract(block(["the", "x" * 30, "news"]))
    assert extraction.features.doc_ids.to_pylist() == ["d0", "d2"]
    (rejection,) = extraction.rejected
    assert (rejection.position, rejection.stage) == (1, "encode")
    assert rejection.reason == "out of memory on the device, alone in its batch"


@pytest.mark.parametrize("error", [RuntimeError, ValueError, IndexError])
def test_a_failing_batch_is_cut_down_to_the_documents_at_fault(bert: Encoder, error: type[Exception]) -> None:
    culprit = bert.tokenizer.token_to_id("bad")

    def fails(ids: torch.Tensor) -> None:
        if (ids == culprit).any():
            raise error("cannot do this\nand a second line")

    encoder, _ = faulty(bert, fails)
    texts = ["the news", "bad news", "good news", "a bad film", "film"]
    extraction = FeatureExtractor(encoder, spec_for(bert)).extract(block(texts))
    assert extraction.features.doc_ids.to_pylist() == ["d0", "d2", "d4"]
    assert [(r.position, r.stage, r.reason) for r in extraction.rejected] == [
        (1, "encode", f"{error.__name__}: cannot do this"),
        (3, "encode", f"{error.__name__}: cannot do this"),
    ]
    good = [texts[i] for i in (0, 2, 4)]
    assert same_features(extraction, FeatureExtractor(bert, spec_for(bert)).extract(block(good)))


def test_an_error_of_every_document_rejects_every_document(bert: Encoder) -> None:
    def fails(ids: torch.Tensor) -> None:
        raise RuntimeError("broken")

    encoder, _ = faulty(bert, fails)
    extraction = FeatureExtractor(encoder, spec_for(bert)).extract(block(TEXTS))
    assert len(extraction.features) == 0
    assert extraction.features.packed.shape == (0, 32)
    assert [r.position for r in extraction.rejected] == list(range(len(TEXTS)))


def test_other_errors_are_not_taken_for_bad_documents(bert: Encoder) -> None:
    def fails(ids: torch.Tensor) -> None:
        raise TypeError("a bug")

    encoder, _ = faulty(bert, fails)
    with pytest.raises(TypeError, match="a bug"):
        FeatureExtractor(encoder, spec_for(bert)).extract(block(TEXTS))


class PoisonedModel(torch.nn.Module):
    """Puts a number into the last layer's first vector of every document that holds a token."""

    def __init__(self, model: torch.nn.Module, token: int, number: float) -> None:
        super().__init__()
        self.model, self.token, self.number = model, token, number

    def forward(self, **inputs: Any) -> Any:
        output = self.model(**inputs)
        hit = (inputs["input_ids"] == self.token).any(dim=1)
        output.last_hidden_state[hit, 0, 0] = self.number
        return output


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("positions", ["tokens", "cls", "mean"])
@pytest.mark.parametrize("layers", ["last", "stack:2"])
def test_non_finite_features_reject_their_document_only(
    bert: Encoder, number: float, positions: str, layers: str
) -> None:
    poisoned = replace(bert, model=PoisonedModel(bert.model, bert.tokenizer.token_to_id("bad"), number))
    spec = spec_for(bert, positions=positions, layers=layers)
    extraction = FeatureExtractor(poisoned, spec).extract(block(["the", "a bad film", "good news", "bad"]))
    assert extraction.features.doc_ids.to_pylist() == ["d0", "d2"]
    assert [(r.position, r.stage, r.reason) for r in extraction.rejected] == [
        (1, "encode", "non-finite features"),
        (3, "encode", "non-finite features"),
    ]
    assert same_features(extraction, FeatureExtractor(bert, spec).extract(block(["the", "good news"])))
    kept = list(FeatureExtractor(poisoned, spec).activations(block(["the", "a bad film", "good news", "bad"])))
    assert sum(len(values) for values in kept) == len(extraction.features.packed)
    assert list(FeatureExtractor(poisoned, spec).activations(block(["bad"]))) == []
