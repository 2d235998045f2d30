"""An error in one line, and without what it quotes."""

from __future__ import annotations

import pytest

from encore.featurestore.common.messages import class_and_line, first_line, without_quotes


@pytest.mark.parametrize(
    ("said", "line", "with_class"),
    [
        ("bad magic", "bad magic", "ValueError: bad magic"),
        ("\n  bad magic \nat byte 4", "bad magic", "ValueError: bad magic"),
        ("bad\u2028magic", "bad", "ValueError: bad"),
        ("", "ValueError", "ValueError"),
        (" \n\n", "ValueError", "ValueError"),
    ],
)
def test_an_error_is_told_by_its_first_line_or_its_class(said: str, line: str, with_class: str) -> None:
    assert first_line(ValueError(said)) == first_line(ValueError(), said) == line
    assert class_and_line(ValueError(said)) == class_and_line(ValueError("other"), said) == with_class


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (
            "byte index 5 is not a char boundary; it is inside 'é' of `the\ntext`",
            "byte index 5 is not a char boundary; it is inside … of …",
        ),
        ("slice of `a text that is cut", "slice of …"),
        ("Could not convert 'a text' with type str", "Could not convert … with type str"),
        ('cannot parse "a text"', "cannot parse …"),
        ("boom", "boom"),
    ],
)
def test_what_a_library_quotes_is_left_out(said: str, kept: str) -> None:
    assert without_quotes(ValueError(said)) == kept
