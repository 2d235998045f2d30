"""The normal form of labels, their order, and labels that nearly are one another."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.heads.labels.normal_form import in_order, named_twins, near_twins, normal_labels


def normal(*labels: str | None) -> list[str | None]:
    return list(normal_labels(pa.array(labels, pa.string())).to_pylist())


def test_white_space_around_a_label_goes_and_that_in_it_stays() -> None:
    assert normal("a ", "\ta b\n", "\u00a0a  b\u3000", "\u2028a\x85") == ["a", "a b", "a  b", "a"]


def test_labels_are_composed() -> None:
    assert normal("cafe\u0301", "caf\u00e9") == ["caf\u00e9", "caf\u00e9"]


def test_blank_labels_become_empty_and_nulls_stay() -> None:
    assert normal(" \t", "", None) == ["", "", None]


def test_nothing_else_is_changed() -> None:
    kept = ["True", "true", "01", "1.0", "A", "a\u200b", "\ufb01", "\uff11", "-", "0"]
    assert normal(*kept) == kept


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())])
def test_any_layout_of_text_is_taken(kind: pa.DataType) -> None:
    assert normal_labels(pa.chunked_array([pa.array(["a ", "b"]).cast(kind)])).to_pylist() == ["a", "b"]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
def test_the_normal_form_of_a_normal_form_is_itself(text: str) -> None:
    (once,) = normal(text)
    assert normal(once) == [once]
    assert unicodedata.is_normalized("NFC", once or "")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["10", "2", "1", "12", "11"], ("1", "2", "10", "11", "12")),
        (["3", "-10", "0", "-9"], ("-10", "-9", "0", "3")),
        (["10", "9", "ten"], ("10", "9", "ten")),
        (["1 star", "10 stars", "2 stars"], ("1 star", "10 stars", "2 stars")),
        (["2", "02", "1"], ("1", "02", "2")),
        (["b", "a", "b"], ("a", "b")),
        (["9" * 400, "1"], ("1", "9" * 400)),
        ([], ()),
    ],
)
def test_integers_are_listed_by_size_and_all_else_as_text(names: list[str], expected: tuple[str, ...]) -> None:
    assert in_order(names) == expected


@pytest.mark.parametrize(
    "group",
    [
        ("True", "true"),
        ("1", "01", "1.0", "+1", "1.", "\uff11"),
        ("-0", "0", "0.00"),
        ("not entailment", "not-entailment", "not_entailment", "Not  Entailment"),
        ("a", "A", "a\u200b", "\ufeffa"),
        ("SS", "\u00df"),
        ("fi", "\ufb01"),
    ],
)
def test_labels_that_are_easily_written_in_two_ways_are_near_twins(group: tuple[str, ...]) -> None:
    assert near_twins([*group, "another", "7"]) == (tuple(sorted(group)),)


@pytest.mark.parametrize(
    "names",
    [
        ["1", "-1"],
        ["1", "10"],
        ["1 2", "12"],
        ["-", "--"],
        ["a", "b"],
        ["true", "1"],
        ["123456789012345678901234567890", "123456789012345678901234567891"],
        ["C", "C++", "C#"],
    ],
)
def test_labels_that_differ_in_more_are_none(names: list[str]) -> None:
    assert near_twins(names) == ()


def test_twins_of_another_side_are_found_from_this_one() -> None:
    assert near_twins(["A", "b", "c"], ["a", "A", "b", "C", "c "]) == (("A", "a"), ("c", "C", "c "))


def test_twins_are_cut_for_a_message_and_texts_not_repeated() -> None:
    groups = near_twins([text for at in range(7) for text in (f"class {at}", f"Class {at}")])
    assert named_twins(groups[:2]) == "Class 0 ~ class 0, Class 1 ~ class 1"
    assert named_twins(groups).endswith("Class 4 ~ class 4 and 2 more")
    long = "a text of many words that is no name of a class"
    assert named_twins(near_twins([long, long.upper()])) == "(47 characters) ~ (47 characters)"
