"""Numbers as people read them."""

from __future__ import annotations

import pytest

from encore.featurestore.common.quantities import counted, human_bytes


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0.4, "0 B"),
        (999, "999 B"),
        (999.7, "1 KB"),
        (6713, "6.71 KB"),
        (99_970, "100 KB"),
        (999_600, "1 MB"),
        (33_500_000, "33.5 MB"),
        (2 * 10**18, "2,000 PB"),
    ],
)
def test_bytes_have_three_digits_and_a_unit(count: float, text: str) -> None:
    assert human_bytes(count) == text


def test_things_are_counted_in_words() -> None:
    assert [counted(1, "head"), counted(2000, "head"), counted(0, "task")] == [
        "1 head",
        "2,000 heads",
        "0 tasks",
    ]
