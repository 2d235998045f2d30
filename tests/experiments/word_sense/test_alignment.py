"""The rows of a target are those that transformers' own offsets say, and a store of other tokens is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from encore.encoders import Encoder, load_encoder
from encore.encoders.text.tokenizer import BlockTokenizer
from encore.experiments.word_sense import alignment
from encore.experiments.word_sense.alignment import SentenceTokens, WordRows, check_stored
from encore.featurestore import Catalogue, StoreError, UsageError
from encore.featurestore.documents.ids import text_digests
from encore.featurestore.spec import TextSpec
from tests.models import tiny_bert, tiny_roberta
from tests.pipelines.jobs import run_encode, write_corpus

WORDS = st.sampled_from(
    ["the", "bank", "goodness", "news", "ing", "São Paulo", "a", "e\u0301te", "\u200b", "film's", "😀"]
)
SENTENCES = st.lists(st.lists(WORDS, min_size=1, max_size=8), min_size=1, max_size=6)


@pytest.fixture(scope="module", params=[tiny_bert, tiny_roberta], ids=["bert", "roberta"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return request.param(tmp_path_factory.mktemp(request.param.__name__.removeprefix("tiny_")))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def encoder(path: Path) -> Encoder:
    return load_encoder(str(path), device="cpu")


tokenizer_of = cache(AutoTokenizer.from_pretrained)


def characters_of_tokens(path: Path, text: str) -> list[range]:
    """The characters of each token: what transformers says of BERT's; each byte is a token of the tiny RoBERTa.

    A token for a space stands for nothing.
    """
    if path.name.startswith("roberta"):
        return [range(i, i + (c != " ")) for i, c in enumerate(text) for _ in c.encode()]
    encoded = tokenizer_of(path)(text, add_special_tokens=False, return_offsets_mapping=True)
    return [range(first, last) for first, last in encoded["offset_mapping"]]


@given(sentences=SENTENCES, data=st.data())
def test_the_rows_are_those_of_the_tokens_that_share_a_character_with_the_target(
    path: Path, encoder: Encoder, sentences: list[list[str]], data: st.DataObject
) -> None:
    text = TextSpec(data.draw(st.integers(5, 40)), data.draw(st.sampled_from(["right", "left"])))
    owners = data.draw(st.lists(st.integers(0, len(sentences) - 1), max_size=8))
    places = [data.draw(st.integers(0, len(sentences[owner]) - 1)) for owner in owners]
    starts = [len(" ".join([*sentences[o][:place], ""])) for o, place in zip(owners, places, strict=True)]
    stops = [start + len(sentences[o][p]) for start, o, p in zip(starts, owners, places, strict=True)]
    texts = [" ".join(sentence) for sentence in sentences]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "SENTENCES_AT_ONCE", 2)
        tokens = SentenceTokens.of(pa.chunked_array([texts]), BlockTokenizer.build(encoder.tokenizer, text))
    rows = tokens.rows(*(np.array(values, np.int64) for values in (owners, starts, stops)))

    room = text.max_length - 2
    for i, owner in enumerate(owners):
        spans = characters_of_tokens(path, texts[owner])
        kept = spans[:room] if text.truncation_side == "right" else spans[-room:]
        assert tokens.stored[owner] == len(kept) + 2
        # Row 0 is the special token in front.
        shared = [row for row, span in enumerate(kept, 1) if any(starts[i] <= c < stops[i] for c in span)]
        assert rows.counts[i] == (shared[-1] - shared[0] + 1 if shared else 0)
        assert rows.first[i] == (shared[0] if shared else 0)


def test_a_target_that_truncation_cuts_off_is_not_found(encoder: Encoder) -> None:
    tokens = SentenceTokens.of(
        pa.chunked_array([["the news is good"]]), BlockTokenizer.build(encoder.tokenizer, TextSpec(4))
    )
    rows = tokens.rows(np.array([0, 0]), np.array([0, 12]), np.array([3, 16]))
    assert rows.found.tolist() == [True, False]


def test_instances_of_several_files_are_put_one_after_another() -> None:
    one, two = (
        WordRows(*(np.array(values) for values in part)) for part in [([0], [1], [2]), ([3, 4], [5, 6], [0, 8])]
    )
    both = WordRows.concatenate(one, two)
    assert [part.tolist() for part in (both.sentences, both.first, both.counts)] == [[0, 3, 4], [1, 5, 6], [2, 0, 8]]


class TestStoreOfOtherTokens:
    SENTENCES = ("the news is good", "bad film", "the the")

    @pytest.fixture
    def sentences(self) -> pa.Table:
        return pa.table({"doc_id": ["a", "b", "c"], "text": pa.chunked_array([list(self.SENTENCES)])})

    @pytest.fixture
    def store(self, tmp_path: Path, path: Path) -> Catalogue:
        rows = [{"doc_id": i, "text": text} for i, text in zip("abc", self.SENTENCES, strict=True)]
        corpus = write_corpus(tmp_path / "corpus.parquet", rows)
        run_encode(tmp_path / "store", corpus, encoder=str(path), layers="last")
        return Catalogue.open(str(tmp_path / "store"))

    @pytest.fixture
    def tokens(self, encoder: Encoder, sentences: pa.Table, store: Catalogue) -> SentenceTokens:
        return SentenceTokens.of(sentences["text"], BlockTokenizer.build(encoder.tokenizer, store.spec.text))

    def test_the_same_sentences_and_tokens_pass(
        self, store: Catalogue, encoder: Encoder, sentences: pa.Table, tokens: SentenceTokens
    ) -> None:
        check_stored(store, encoder, sentences, tokens)
        order = np.array([2, 0, 1])
        other = replace(tokens, kept=tokens.kept[order])
        check_stored(store, encoder, sentences.take(pa.array(order)), other)

    def test_another_tokenizer_is_refused(
        self, store: Catalogue, encoder: Encoder, sentences: pa.Table, tokens: SentenceTokens
    ) -> None:
        other = replace(encoder, spec=replace(encoder.spec, tokenizer="ff" * 32))
        with pytest.raises(UsageError, match="was made with another tokenizer than"):
            check_stored(store, other, sentences, tokens)

    def test_another_number_of_tokens_names_the_document(
        self, store: Catalogue, encoder: Encoder, sentences: pa.Table, tokens: SentenceTokens
    ) -> None:
        other = replace(tokens, kept=tokens.kept + np.array([0, 1, 0]))
        with pytest.raises(StoreError, match="document b is stored with another number of tokens; remove the store"):
            check_stored(store, encoder, sentences, other)

    def test_another_text_names_the_document(
        self, store: Catalogue, encoder: Encoder, sentences: pa.Table, tokens: SentenceTokens
    ) -> None:
        changed = sentences.set_column(1, "text", pa.chunked_array([["the news is good", "bad film", "the end"]]))
        assert text_digests(changed["text"]) != text_digests(sentences["text"])
        with pytest.raises(StoreError, match="document c is stored with another text"):
            check_stored(store, encoder, changed, tokens)

    def test_a_missing_sentence_is_named(
        self, store: Catalogue, encoder: Encoder, sentences: pa.Table, tokens: SentenceTokens
    ) -> None:
        strange = sentences.set_column(0, "doc_id", pa.array(["a", "x", "c"]))
        with pytest.raises(StoreError, match="document x is not stored; see its dead letters"):
            check_stored(store, encoder, strange, tokens)
