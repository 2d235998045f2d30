"""What is stored of a document is what a plain pass of it alone gives, or its encoder is refused.

The plain pass is transformers' own: the model as it was saved, loaded anew, on the document alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING

from encore.encoders import Encoder, FeatureExtractor, load_encoder
from encore.encoders.batches.budget import EQUAL_LENGTHS as IN_EQUAL_LENGTHS
from encore.featurestore.errors import UsageError
from encore.featurestore.spec import FeatureSpec
from tests.encoders.architectures import (
    ARCHITECTURES,
    EQUAL_LENGTHS,
    LENGTHS,
    REFUSED,
    WORDS,
    Architecture,
    page_rows,
    save,
)
from tests.encoders.plain import block, spec_for

BUDGET = 60
"""Padded tokens of a batch: another composition than the default's."""


def rows(*, taken: bool) -> list[Any]:
    """The rows that are taken, or refused; all but the shorter half belong to the soak run."""
    chosen = [row for row in ARCHITECTURES if (row.taken != REFUSED) == taken]
    return [pytest.param(row, id=row.name, marks=() if row.short else pytest.mark.soak) for row in chosen]


@dataclass(frozen=True, eq=False)
class LoadedEncoder:
    """A row, its files, the encoder as Encore loads it, and the plain model."""

    row: Architecture
    path: Path
    encoder: Encoder
    plain: PreTrainedModel


@pytest.fixture(scope="module", params=rows(taken=True))
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedEncoder:
    path = save(request.param, tmp_path_factory.mktemp("architecture"))
    return LoadedEncoder(request.param, path, load_encoder(str(path), device="cpu"), plain_model(path))


def texts_of(lengths: tuple[int, ...], seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, length)) for length in lengths]


def documents(row: Architecture, lengths: tuple[int, ...]) -> list[tuple[str, str | None]]:
    """Texts of these lengths, and pairs that have as many tokens."""
    singles = [(text, None) for text in texts_of(lengths, 0)]
    if not row.pairs:
        return singles
    firsts = texts_of(tuple(-(-length // 2) for length in lengths), 1)
    seconds = texts_of(tuple(max(1, length // 2) for length in lengths), 2)
    return [*singles, *zip(firsts, seconds, strict=True)]


def plain_model(path: Path) -> PreTrainedModel:
    config = AutoConfig.from_pretrained(path)
    auto = AutoModelForTextEncoding if type(config) in MODEL_FOR_TEXT_ENCODING_MAPPING else AutoModel
    model: PreTrainedModel = auto.from_pretrained(path).eval()
    return model


@torch.no_grad()
def plain_pass(loaded: LoadedEncoder, document: tuple[str, str | None], side: str) -> torch.Tensor:
    """(tokens, layers, d): the hidden states above the embeddings, the last one being the encoder's output."""
    backend = Tokenizer.from_file(str(loaded.path / "tokenizer.json"))
    backend.enable_truncation(loaded.row.max_length, direction=side)
    encoding = backend.encode(*document) if document[1] is not None else backend.encode(document[0])
    inputs = {"input_ids": torch.tensor([encoding.ids]), "attention_mask": torch.tensor([encoding.attention_mask])}
    if loaded.row.segments:
        inputs["token_type_ids"] = torch.tensor([encoding.type_ids])
    output = loaded.plain(**inputs, output_hidden_states=True, return_dict=True)
    states = [*output.hidden_states[1:-1], output.last_hidden_state]
    return torch.stack([state[0] for state in states], dim=1)


def encoded(encoder: Encoder, spec: FeatureSpec, given: list[tuple[str, str | None]], budget: int | None) -> list[Any]:
    """(tokens, layers, d) of each document, encoded as a corpus is."""
    extractor = FeatureExtractor(encoder, spec, budget)
    some = block([text for text, _ in given], [pair for _, pair in given])
    values = torch.cat(list(extractor.activations(some)))
    lengths = extractor.extract(some).features.index["n_tokens"].to_numpy()
    order = np.argsort(-lengths, kind="stable")
    parts = dict(zip(order.tolist(), values.split(lengths[order].tolist()), strict=True))
    return [parts[number] for number in range(len(given))]


@pytest.mark.parametrize(("side", "lengths"), [("right", LENGTHS), ("left", (2, 9, 100))])
def test_what_is_stored_of_a_document_is_what_it_gives_alone(
    loaded: LoadedEncoder, side: str, lengths: tuple[int, ...]
) -> None:
    row, encoder, given = loaded.row, loaded.encoder, documents(loaded.row, lengths)
    layers = f"stack:{encoder.spec.num_layers}"
    spec = spec_for(encoder, layers=layers, max_length=row.max_length, truncation_side=side)
    runs = {
        "in batches": encoded(encoder, spec, given, None),
        "in other batches": encoded(encoder, spec, given, BUDGET),
        "one at a time": [encoded(encoder, spec, [document], None)[0] for document in given],
    }
    for number, document in enumerate(given):
        expected = plain_pass(loaded, document, side)
        for how, run in runs.items():
            where = f"{document}, {how}: "
            torch.testing.assert_close(run[number], expected, rtol=1e-3, atol=1e-3, msg=where.__add__)


def test_an_encoder_is_told_token_types_where_it_has_segments(loaded: LoadedEncoder) -> None:
    assert loaded.encoder.token_types == loaded.row.segments


def test_batches_have_equal_lengths_where_padding_would_show(loaded: LoadedEncoder) -> None:
    extractor = FeatureExtractor(loaded.encoder, spec_for(loaded.encoder, max_length=loaded.row.max_length))
    assert (extractor.encoder.padding == IN_EQUAL_LENGTHS) == (loaded.row.taken == EQUAL_LENGTHS)


def test_a_document_as_long_as_the_encoder_takes_is_encoded(loaded: LoadedEncoder) -> None:
    row, encoder = loaded.row, loaded.encoder
    assert encoder.position_limit == row.limit
    longest = row.longest
    extraction = FeatureExtractor(encoder, spec_for(encoder, max_length=longest)).extract(block(["a " * 100]))
    assert (extraction.rejected, extraction.tokens) == ((), longest)


def test_pairs_are_refused_where_no_template_separates_them(loaded: LoadedEncoder) -> None:
    extractor = FeatureExtractor(loaded.encoder, spec_for(loaded.encoder, max_length=loaded.row.max_length))
    if loaded.row.pairs:
        extractor.check_pairs()
    else:
        with pytest.raises(UsageError, match="no pair template"):
            extractor.check_pairs()


@pytest.mark.parametrize("row", rows(taken=False))
def test_an_encoder_that_cannot_give_what_documents_give_alone_is_refused(row: Architecture, tmp_path: Path) -> None:
    path = save(row, tmp_path)
    with pytest.raises(UsageError, match=row.words) as caught:
        FeatureExtractor(encoder := load_encoder(str(path), device="cpu"), spec_for(encoder, max_length=row.max_length))
    assert len(str(caught.value).splitlines()) == 1


def test_the_table_has_rows_for_the_page() -> None:
    table = page_rows()
    assert len(table) == len({name for name, *_ in table}) >= 40
    assert sum(row.short for row in ARCHITECTURES) >= 12
