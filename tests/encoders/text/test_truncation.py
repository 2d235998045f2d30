"""Truncation of whole blocks equals the tokenizers library's longest_first."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from encore.encoders.text.truncation import kept_of_pair, kept_of_single

COUNTS = st.integers(0, 12)


def words(count: int, word: str) -> str:
    return " ".join([word] * count)


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=8), st.integers(1, 16))
def test_pairs_are_cut_as_the_library_cuts_them(pairs: list[tuple[int, int]], room: int) -> None:
    tokenizer = Tokenizer(WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.enable_truncation(room, strategy="longest_first")
    encodings = tokenizer.encode_batch([(words(a, "a"), words(b, "b")) for a, b in pairs])
    first, second = kept_of_pair(*np.array(pairs, np.int64).T, room)
    assert first.tolist() == [e.ids.count(0) for e in encodings]
    assert second.tolist() == [e.ids.count(1) for e in encodings]


def test_a_single_text_keeps_what_fits() -> None:
    assert kept_of_single(np.array([0, 3, 4, 9]), 4).tolist() == [0, 3, 4, 4]
