"""Ragged tokens and their padded batches."""

import numpy as np

from encore.encoders.batches.budget import Padding
from encore.encoders.batches.tokens import TokenBlock

TOKENS = TokenBlock(
    ids=np.array([7, 8, 9, 4, 5], np.int32),
    types=np.array([0, 0, 1, 0, 0], np.int32),
    special=np.array([True, False, False, False, True]),
    offsets=np.array([0, 3, 3, 5]),
    truncated=np.array([True, False, False]),
    first_lengths=np.array([2, 0, 2]),
)


def test_a_batch_is_padded_on_the_right() -> None:
    real, ids, rows = TOKENS.padded(np.array([2, 0]), fill=-1)
    assert ids.tolist() == [[4, 5, -1], [7, 8, 9]]
    assert real.tolist() == [[True, True, False], [True, True, True]]
    assert rows.tolist() == [3, 4, 0, 1, 2]


def test_a_batch_has_as_many_rows_of_nothing_as_it_is_padded_with() -> None:
    real, ids, source = TOKENS.padded(np.array([2]), -1, Padding(8))
    assert ids.tolist() == [[4, 5], [-1, -1], [-1, -1], [-1, -1]]
    assert real.tolist() == [[True, True], *[[False, False]] * 3]
    assert source.tolist() == [3, 4]
    _, longer, _ = TOKENS.padded(np.array([2, 0]), -1, Padding(8, 4))
    assert longer.tolist() == [[4, 5, -1, -1], [7, 8, 9, -1]]


def test_marked_tokens_are_counted_for_each_document() -> None:
    assert TOKENS.count(~TOKENS.special).tolist() == [2, 0, 1]


def test_tokens_of_the_first_text_are_marked() -> None:
    assert TOKENS.first.tolist() == [True, True, False, True, True]


def test_concatenated_blocks_keep_their_documents() -> None:
    both = TokenBlock.concatenate([TOKENS, TOKENS])
    assert both.offsets.tolist() == [0, 3, 3, 5, 8, 8, 10]
    assert both.ids.tolist() == [7, 8, 9, 4, 5] * 2
    assert both.first_lengths.tolist() == [2, 0, 2] * 2
    assert len(TokenBlock.concatenate([])) == 0
