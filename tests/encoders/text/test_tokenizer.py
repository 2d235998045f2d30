"""Blocks of documents become the tokens that transformers' own tokenizer call gives."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from encore.encoders import Encoder
from encore.encoders.batches.tokens import TokenBlock
from encore.encoders.text import tokenizer as tokenize
from encore.encoders.text.tokenizer import BlockTokenizer
from encore.featurestore.errors import UsageError
from encore.featurestore.spec import TextSpec
from tests.encoders.plain import block

TEXT = st.text(alphabet="ab the.\u200bé[SEP]\n", max_size=30)
DOCUMENTS = st.lists(st.tuples(TEXT, st.none() | TEXT), min_size=1, max_size=6)


def assert_same_as_transformers(
    path: Path, encoder: Encoder, documents: list[tuple[str, str | None]], text: TextSpec
) -> None:
    texts, pairs = [a for a, _ in documents], [b for _, b in documents]
    tokens = BlockTokenizer.build(encoder.tokenizer, text).tokenize(block(texts, pairs))
    reference = AutoTokenizer.from_pretrained(path)
    reference.truncation_side = text.truncation_side
    options = {"return_token_type_ids": True, "return_special_tokens_mask": True}
    for i, (first, second) in enumerate(documents):
        own = slice(tokens.offsets[i], tokens.offsets[i + 1])
        # As lists: a call with one empty second text takes it for none.
        inputs = ([first], None if second is None else [second])
        expected = reference(*inputs, truncation=True, max_length=text.max_length, **options)
        assert tokens.ids[own].tolist() == expected["input_ids"][0]
        assert tokens.types[own].tolist() == expected["token_type_ids"][0]
        assert tokens.special[own].astype(int).tolist() == expected["special_tokens_mask"][0]
        texts_of = expected.encodings[0].sequence_ids
        special = len(texts_of) - sum(text is not None for text in texts_of)
        # The second text's own tokens are the last but for the special ones behind them.
        behind = 0 if second is None else texts_of.count(1) + (special > 0)
        assert tokens.first_lengths[i] == len(texts_of) - behind
        assert tokens.truncated[i] == (len(reference(*inputs)["input_ids"][0]) > text.max_length)


@given(documents=DOCUMENTS, max_length=st.integers(5, 20), side=st.sampled_from(["right", "left"]))
def test_bert_tokens_are_those_of_transformers(
    bert_path: Path, bert: Encoder, documents: list[tuple[str, str | None]], max_length: int, side: str
) -> None:
    assert_same_as_transformers(bert_path, bert, documents, TextSpec(max_length, side))


@given(documents=DOCUMENTS, max_length=st.integers(6, 20), side=st.sampled_from(["right", "left"]))
def test_roberta_tokens_are_those_of_transformers(
    roberta_path: Path, roberta: Encoder, documents: list[tuple[str, str | None]], max_length: int, side: str
) -> None:
    assert_same_as_transformers(roberta_path, roberta, documents, TextSpec(max_length, side))


def test_a_text_of_exactly_the_max_length_is_not_truncated(bert: Encoder) -> None:
    tokens = BlockTokenizer.build(bert.tokenizer, TextSpec(5)).tokenize(block(["abc", "abcd"]))
    assert tokens.lengths.tolist() == [5, 5]
    assert tokens.truncated.tolist() == [False, True]


def test_a_text_of_an_invisible_character_has_special_tokens_only(bert: Encoder) -> None:
    tokens = BlockTokenizer.build(bert.tokenizer, TextSpec(8)).tokenize(block(["\u200b", "a"]))
    assert tokens.count(~tokens.special).tolist() == [0, 1]


def test_an_empty_block_has_no_tokens(bert: Encoder) -> None:
    tokens = BlockTokenizer.build(bert.tokenizer, TextSpec(8)).tokenize(block([]))
    assert (len(tokens), len(tokens.ids), tokens.offsets.tolist()) == (0, 0, [0])


def test_slices_of_a_block_are_tokenized_as_the_whole(bert: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["the news", "", "film " * 9, "good", "bad film", "a"]
    pairs = [None, "is", None, "the end", "", None]
    tokenizer = BlockTokenizer.build(bert.tokenizer, TextSpec(9))
    whole = tokenizer.tokenize(block(texts, pairs))
    monkeypatch.setattr(tokenize, "SLICE_BYTES", 10)
    sliced = tokenizer.tokenize(block(texts, pairs))
    for field in TokenBlock.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(sliced, field), getattr(whole, field))


def test_threads_that_share_a_tokenizer_do_not_disturb_each_other(bert: Encoder) -> None:
    documents = block(["good news of the film " * n for n in range(1, 12)])
    tokenizers = [BlockTokenizer.build(bert.tokenizer, TextSpec(length)) for length in (5, 9, 17, 64)]
    alone = [tokenizer.tokenize(documents).ids.tolist() for tokenizer in tokenizers]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda tokenizer: tokenizer.tokenize(documents).ids.tolist(), tokenizers * 8))
    assert together == alone * 8


def test_a_max_length_without_room_for_a_token_is_refused(bert: Encoder) -> None:
    with pytest.raises(
        UsageError, match="max length 2: the tokenizer adds 2 special tokens to a text; ask for at least 3"
    ):
        BlockTokenizer.build(bert.tokenizer, TextSpec(2))
    tokenizer = BlockTokenizer.build(bert.tokenizer, TextSpec(4))
    with pytest.raises(UsageError, match="adds 3 special tokens to a pair; ask for at least 5"):
        tokenizer.check_pairs()


def test_a_tokenizer_without_a_pair_template_takes_no_pairs(bert: Encoder) -> None:
    bare = type(bert.tokenizer).from_str(bert.tokenizer.to_str())
    bare.post_processor = None
    tokenizer = BlockTokenizer.build(bare, TextSpec(8))
    assert tokenizer.tokenize(block(["a"])).lengths.tolist() == [1]
    with pytest.raises(UsageError, match="no pair template; leave out the pair column"):
        tokenizer.check_pairs()
    with pytest.raises(UsageError, match="no pair template"):
        tokenizer.tokenize(block(["a"], ["b"]))
