"""The tokens that a window of a long text gives are those of the whole text, whatever kind of tokenizer it is."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from encore.encoders import Encoder
from encore.encoders.text import windows
from encore.encoders.text.token_ids import TextTokenizer
from encore.encoders.text.windows import CHARACTERS, EDGES, WINDOW, Tokenize, Windows
from tests.encoders.text.tokenizers import every_kind

WORDS = ("the ", "quick", "zzz", "foo bar", "[SEP]", "<mask>", ". ", "\n", " ", "  ", "-", "=", "1", "23")
LETTERS = ("a", "b", "ab", "x", "y", "漢", "字", "é", "e\u0301", "\u0301", "ﬁ", "Å", "\u200b")
PIECES = st.sampled_from(WORDS + LETTERS)
SMALL = 256
REPEATS = st.sampled_from([1, 3, 20, SMALL, 8 * SMALL, 40 * SMALL])
RUNS = st.lists(st.tuples(st.lists(PIECES, min_size=1, max_size=6), REPEATS), min_size=1, max_size=4)
"""Repeated patterns, which carry farther than words do: where one starts decides how all of it is cut."""


@pytest.fixture(autouse=True, scope="module")
def small_windows() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "WINDOW", SMALL)
        patch.setattr(windows, "CHARACTERS", 1)
        yield


def long_text(runs: list[tuple[list[str], int]]) -> str:
    """A text of 18 to 40 windows, cut to a length that no pattern divides."""
    text = "".join("".join(pieces) * repeats for pieces, repeats in runs)
    return (text * (1 + 18 * SMALL // len(text)))[: 40 * SMALL - 1]


@pytest.mark.parametrize("kind", every_kind())
@given(runs=RUNS, wanted=st.sampled_from([2, 9, 33]), side=st.sampled_from(["right", "left"]))
@example(runs=[([". "], 1)], wanted=33, side="right")
@example(runs=[(["a"], 1)], wanted=33, side="left")
@example(runs=[(["1"], 1)], wanted=9, side="left")
@example(runs=[(["<mask>", "\n", "  "], 1), (["  \n"], 40 * SMALL)], wanted=2, side="left")
@settings(max_examples=30)
def test_tokens_of_a_window_are_those_of_the_whole_text(
    kind: str, runs: list[tuple[list[str], int]], wanted: int, side: str
) -> None:
    tokenizer, text = every_kind()[kind], long_text(runs)
    found = TextTokenizer.build(tokenizer, wanted - 1, side).windows.tokens(text, encode(tokenizer))
    whole = tokenizer.encode(text, add_special_tokens=False).ids
    assert found in (None, whole[:wanted] if side == "right" else whole[-wanted:])


def encode(tokenizer: object, seen: list[str] | None = None) -> Tokenize:
    """Token ids of texts; ``seen`` is told which texts they were."""

    def tokenize(texts: list[str]) -> list[list[int]]:
        if seen is not None:
            seen.extend(texts)
        return [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    return tokenize


@pytest.mark.parametrize("kind", every_kind())
@pytest.mark.parametrize("side", ["right", "left"])
def test_words_take_the_first_window_alone(kind: str, side: str) -> None:
    text = "the quick brown fox jumps, 12345 dogs. " * 500
    seen: list[str] = []
    found = Windows(8, 40, side).tokens(text, encode(every_kind()[kind], seen))
    assert (found is None) == (kind == "WordPiece without words" or (kind, side) == ("BPE of five characters", "left"))
    assert found is None or [len(window) for window in seen] == [SMALL - edge for edge in range(EDGES)]


def test_where_the_start_of_a_run_decides_windows_grow_up_to_the_whole_text() -> None:
    seen: list[str] = []
    tokenizer = every_kind()["byte-level BPE with digits in threes"]
    assert Windows(4, 4, "left").tokens("123" * 16 * SMALL, encode(tokenizer, seen)) is None
    assert [len(window) for window in seen][::EDGES] == [SMALL, 2 * SMALL]


def test_a_window_with_too_few_tokens_is_tokenized_once_and_doubled(bert: Encoder) -> None:
    seen: list[str] = []
    text = ("\u200b" * 1000 + " news") * 100
    assert Windows(2, 2, "right").tokens(text, encode(bert.tokenizer, seen)) == [bert.tokenizer.token_to_id("news")] * 2
    assert [len(window) for window in seen][:5] == [256, 512, 1024, 2048, 4096]


def test_a_text_that_its_windows_would_not_be_shorter_than_is_left_to_the_caller() -> None:
    tokenize = encode(every_kind()["WordPiece"])
    of_all_windows = ("the " * SMALL * EDGES)[: SMALL * EDGES]
    assert Windows(2, 2, "right").longest_whole == len(of_all_windows)
    assert Windows(2, 2, "right").tokens(of_all_windows, tokenize) is None
    assert Windows(2, 2, "right").tokens(of_all_windows + "t", tokenize) is not None
    assert (WINDOW, CHARACTERS, EDGES) == (32_768, 16, 16)
