"""Texts become the ids that the library gives each alone. A text that the library fails on costs nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE, WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.trainers import BpeTrainer

from encore.encoders import Encoder, FeatureExtractor
from encore.encoders.text import windows
from encore.encoders.text.token_ids import UNCOUNTED, TextIds, TextTokenizer
from encore.encoders.text.tokenizer import BlockTokenizer
from encore.encoders.training import TaskTokens
from encore.featurestore.errors import DataError
from encore.featurestore.spec import TextSpec
from tests.encoders.plain import block, spec_for
from tests.panics import GIVES_UP, REASON, giving_up

LONG = "good news, "


@pytest.fixture
def short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "WINDOW", 512)
    monkeypatch.setattr(windows, "CHARACTERS", 1)


def of_each(found: TextIds) -> list[list[int]]:
    return [part.tolist() for part in np.split(found.ids, np.cumsum(found.held)[:-1])]


@pytest.mark.parametrize("at", [0, 3, 6])
def test_only_the_text_that_the_library_gives_up_on_has_no_tokens(bert: Encoder, at: int) -> None:
    texts = [f"w{number}" for number in range(7)]
    tokenizer = TextTokenizer.build(giving_up(bert.tokenizer), 16, "right")
    expected = of_each(tokenizer.encode(texts))
    texts[at] = GIVES_UP
    expected[at] = []
    found = tokenizer.encode(texts)
    assert of_each(found) == expected
    assert found.failures == {at: REASON}


@pytest.mark.parametrize("part", ["pre_tokenizer", "normalizer"])
@pytest.mark.parametrize("expression", ["(a+)+$", "(a|a)+$", "(a|aa)+$"])
def test_an_expression_of_a_stranger_that_goes_back_without_end_costs_its_text_alone(
    bert: Encoder, part: str, expression: str
) -> None:
    tokenizer = Tokenizer.from_str(bert.tokenizer.to_str())
    step = {
        "pre_tokenizer": pre_tokenizers.Split(Regex(expression), "isolated"),
        "normalizer": normalizers.Replace(Regex(expression), "x"),
    }
    setattr(tokenizer, part, step[part])
    found = TextTokenizer.build(tokenizer, 16, "right").encode(["news", "a" * 60 + "!", "film"])
    assert found.failures == {1: REASON}
    assert [len(ids) > 0 for ids in of_each(found)] == [True, False, True]


def test_an_error_of_the_library_is_its_texts_failure_too() -> None:
    tokenizer = Tokenizer(WordLevel({"a": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    found = TextTokenizer.build(tokenizer, 16, "right").encode(["a", "a secret", "a a"])
    assert of_each(found) == [[0], [], [0, 0]]
    assert found.failures == {1: "the tokenizer fails on it: WordLevel error: Missing [UNK] token from the vocabulary"}


class QuotingTokenizer:
    """A tokenizer that says what it worked on."""

    model = None

    def get_added_tokens_decoder(self) -> dict[int, AddedToken]:
        return {}

    def encode_batch_fast(self, texts: list[str], *, add_special_tokens: bool) -> None:
        raise ValueError(f"not a boundary: it is inside `{texts[0]}`")


def test_a_reason_does_not_quote_the_text() -> None:
    found = TextTokenizer.build(QuotingTokenizer(), 16, "right").encode(["secret"])  # type: ignore[arg-type]
    assert found.failures == {0: "the tokenizer fails on it: not a boundary: it is inside"}


def test_an_interrupt_is_no_failure_of_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(QuotingTokenizer, "encode_batch_fast", interrupted)
    with pytest.raises(KeyboardInterrupt):
        TextTokenizer.build(QuotingTokenizer(), 16, "right").encode(["a"])  # type: ignore[arg-type]


@pytest.mark.usefixtures("short_windows")
def test_a_long_text_that_the_library_gives_up_on_in_a_window_fails_alone(bert: Encoder) -> None:
    tokenizer = TextTokenizer.build(giving_up(bert.tokenizer), 16, "right")
    found = tokenizer.encode(["news", "a" * 20_000, "the"])
    assert found.failures == {1: REASON}
    assert found.held.tolist() == [1, 0, 1]


@pytest.mark.usefixtures("short_windows")
@pytest.mark.parametrize("side", ["right", "left"])
def test_a_long_text_beside_short_ones_has_the_tokens_of_its_end(bert: Encoder, side: str) -> None:
    texts = ["the", LONG * 2000 + "end", "film of " * 3]
    found = TextTokenizer.build(bert.tokenizer, 16, side).encode(texts)
    whole = bert.tokenizer.encode(texts[1], add_special_tokens=False).ids
    assert of_each(found)[1] == (whole[:17] if side == "right" else whole[-17:])
    assert found.lengths.tolist() == [1, UNCOUNTED, 6]


@pytest.mark.usefixtures("short_windows")
@pytest.mark.parametrize("side", ["right", "left"])
def test_documents_of_long_texts_are_what_they_are_without_windows(
    bert: Encoder, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [LONG * 2000 + "end", "the", LONG * 2000, "the film", "the"]
    pairs = ["the film", "film " * 3000 + "end", "film " * 3000 + "end", None, None]
    tokenizer = BlockTokenizer.build(bert.tokenizer, TextSpec(15, side))
    windowed = tokenizer.tokenize(block(texts, pairs))
    monkeypatch.setattr(windows, "WINDOW", 1 << 20)
    whole = tokenizer.tokenize(block(texts, pairs))
    for name in ("ids", "types", "special", "offsets", "truncated", "first_lengths"):
        np.testing.assert_array_equal(getattr(windowed, name), getattr(whole, name))
    assert windowed.truncated.tolist() == [True, True, True, False, False]


@pytest.mark.usefixtures("short_windows")
def test_the_odd_token_of_two_long_texts_goes_to_the_second_or_to_the_one_that_was_not_counted(bert: Encoder) -> None:
    tokenizer = BlockTokenizer.build(bert.tokenizer, TextSpec(16))
    few, long, longer = "film " * 100, LONG * 2000, LONG * 3000
    tokens = tokenizer.tokenize(block([longer, long, few], [long, few, longer]))
    # 13 of 16 are the texts' own; [CLS], the first text and [SEP] come before the second one.
    assert (tokens.first_lengths - 2).tolist() == [6, 7, 6]
    assert tokens.truncated.all()


def test_a_document_that_the_tokenizer_fails_on_is_rejected_and_the_rest_kept(bert: Encoder) -> None:
    encoder = replace(bert, tokenizer=giving_up(bert.tokenizer))
    texts, pairs = ["the", GIVES_UP, "", "news"], ["film", None, None, GIVES_UP]
    extraction = FeatureExtractor(encoder, spec_for(encoder)).extract(block(texts, pairs))
    assert extraction.features.doc_ids.to_pylist() == ["d0"]
    assert [(r.position, r.stage, r.reason) for r in extraction.rejected] == [
        (1, "tokenize", REASON),
        (2, "tokenize", "no tokens"),
        (3, "tokenize", REASON),
    ]


def test_failures_keep_their_place_where_a_block_is_sliced(bert: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("encore.encoders.text.tokenizer.SLICE_BYTES", 20)
    tokenizer = BlockTokenizer.build(giving_up(bert.tokenizer), TextSpec(16))
    tokens = tokenizer.tokenize(block(["the news of", "a", GIVES_UP, "the film of", GIVES_UP]))
    assert sorted(tokens.failures) == [2, 4]


def test_an_encoder_is_not_trained_on_a_text_that_its_tokenizer_fails_on(bert: Encoder) -> None:
    encoder = replace(bert, tokenizer=giving_up(bert.tokenizer))
    with pytest.raises(
        DataError, match=r"task t: a text cannot be used: the tokenizer fails on it: Onig.*leave it out"
    ):
        TaskTokens.tokenize(encoder, "t", block(["a", GIVES_UP]), np.array([0, 1]))


@pytest.mark.parametrize(("side", "strips"), [("right", "lstrip"), ("left", "rstrip")])
def test_white_space_is_cut_short_unless_a_special_token_behind_it_may_take_it_in(
    short_windows: None, side: str, strips: str
) -> None:
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(["the dog"], BpeTrainer(initial_alphabet=alphabet, show_progress=False))
    text = "the dog" + " " * 40_000 + "the dog"
    whole = tokenizer.encode(text, add_special_tokens=False).ids
    ends = {"right": whole[:17], "left": whole[-17:]}
    found = TextTokenizer.build(tokenizer, 16, side).encode([text])
    assert (of_each(found), found.lengths.tolist()) == ([ends[side]], [UNCOUNTED])
    tokenizer.add_special_tokens([AddedToken("<mask>", **{strips: True})])
    found = TextTokenizer.build(tokenizer, 16, side).encode([text])
    assert (of_each(found), found.lengths.tolist()) == ([whole], [len(whole)])
