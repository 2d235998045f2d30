"""Training and dev documents: how they are told apart, and when nothing can be trained."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore import DataError, UsageError
from encore.heads import Split
from tests.heads.building import labels_of


def many(counts: dict[str, int]) -> dict[str, str]:
    return {f"{name}{number}": name for name, count in counts.items() for number in range(count)}


def dev_ids(split: Split) -> set[str]:
    assert split.dev is not None
    return set(split.dev.doc_ids.to_pylist())


def test_a_share_of_each_class_is_set_aside() -> None:
    split = Split.by_share(labels_of(many({"x": 100, "y": 30, "z": 3})), 0.1, seed=0)
    assert split.dev is not None
    assert sorted(split.dev.labels.to_pylist()) == ["x"] * 10 + ["y"] * 3
    assert len(split.train) == 120
    assert split.classes == ("x", "y", "z")


@given(
    counts=st.dictionaries(st.sampled_from("abcd"), st.integers(1, 40), min_size=2),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 99),
)
def test_every_document_is_in_one_part_and_every_class_can_be_learned(
    counts: dict[str, int], share: float, seed: int
) -> None:
    labels = labels_of(many(counts))
    try:
        split = Split.by_share(labels, share, seed)
    except UsageError:
        assert all(count * share < 0.5 or count == 1 for count in counts.values())
        return
    assert split.dev is not None
    train = set(split.train.doc_ids.to_pylist())
    assert train | dev_ids(split) == set(labels.doc_ids.to_pylist())
    assert not train & dev_ids(split)
    assert split.train.classes == labels.classes


def test_the_choice_depends_on_ids_and_seed_and_not_on_their_order() -> None:
    given_labels = many({"x": 40, "y": 40})
    shuffled = list(given_labels.items())
    random.Random(0).shuffle(shuffled)
    first = Split.by_share(labels_of(given_labels), 0.2, seed=1)
    assert dev_ids(first) == dev_ids(Split.by_share(labels_of(dict(shuffled)), 0.2, seed=1))
    assert dev_ids(first) != dev_ids(Split.by_share(labels_of(given_labels), 0.2, seed=2))


def test_documents_that_stay_keep_their_part_as_labels_are_added() -> None:
    before = Split.by_share(labels_of(many({"x": 50, "y": 50})), 0.2, seed=0)
    after = Split.by_share(labels_of(many({"x": 55, "y": 55})), 0.2, seed=0)
    assert len(dev_ids(before) & dev_ids(after)) >= 15


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match="expected a share between 0 and 1"):
        Split.by_share(labels_of(many({"x": 5, "y": 5})), share, seed=0)


@pytest.mark.parametrize(
    ("counts", "share", "message"),
    [
        (
            {"x": 2, "y": 2},
            0.1,
            r"0\.1 of 4 labels .*: the largest class has 2 documents; a share of 0\.25 would take one of them; label",
        ),
        (
            {"x": 49, "y": 3},
            0.01,
            r"0\.01 of 52 labels .* 49 documents; a share of 0\.02 would take one of them; label more, or",
        ),
        (
            {"x": 1, "y": 1},
            0.5,
            "leaves dev empty: every class has only one document, to train on; label more, or give dev labels of",
        ),
    ],
)
def test_a_share_that_leaves_dev_empty_is_refused_and_says_which_would_not(
    counts: dict[str, int], share: float, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        Split.by_share(labels_of(many(counts)), share, seed=0)


@given(documents=st.integers(2, 3000), share=st.floats(0.0001, 0.2))
def test_the_share_that_is_named_does_it(documents: int, share: float) -> None:
    labels = labels_of(many({"x": documents, "y": 1}))
    try:
        Split.by_share(labels, share, seed=0)
    except UsageError as error:
        named = float(str(error).partition("a share of ")[2].split()[0])
        split = Split.by_share(labels, named, seed=0)
        assert split.dev is not None
        assert len(split.dev) >= 1


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"x": 50, "y": 3, "z": 1}, "2 classes: y (3), z (1); a dev share of 0.17 sets some aside"),
        ({"x": 50, "z": 1}, "1 class: z (1)"),
        ({"x": 50, "y": 5}, None),
    ],
)
def test_classes_without_a_dev_document_are_named_with_the_share_that_would_do(
    counts: dict[str, int], said: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    split = Split.by_share(labels_of(many(counts)), 0.1, seed=0)
    split.warn_of_unmeasured(0.1)
    expected = [] if said is None else [f"labels.csv: dev has no document of {said}"]
    assert [record.getMessage() for record in caplog.records] == expected


def test_classes_that_given_dev_labels_lack_are_named(caplog: pytest.LogCaptureFixture) -> None:
    split = Split.given(labels_of(many({"x": 5, "y": 5})), labels_of({"c": "x"}, "dev.csv"))
    assert split.unmeasured == ("y",)
    split.warn_of_unmeasured()
    assert "dev.csv: dev has no document of 1 class: y (5)" in caplog.text
    Split.given(labels_of(many({"x": 5, "y": 5}))).warn_of_unmeasured()
    assert len(caplog.records) == 1


@pytest.mark.parametrize("build", [Split.given, lambda labels: Split.by_share(labels, 0.1, 0)])
def test_a_single_class_cannot_be_trained(build: object) -> None:
    with pytest.raises(DataError, match=r"labels\.csv: every document to train on is 'x'; a head needs two classes"):
        build(labels_of(many({"x": 30})))  # type: ignore[operator]


def test_no_documents_cannot_be_trained() -> None:
    with pytest.raises(DataError, match="no document to train on"):
        Split.given(labels_of({}))


def test_an_empty_dev_is_an_error() -> None:
    with pytest.raises(DataError, match=r"dev\.csv: no document to measure on"):
        Split.given(labels_of({"a": "x", "b": "y"}), labels_of({}, "dev.csv"))


def test_a_class_that_only_dev_has_is_an_error() -> None:
    with pytest.raises(DataError, match=r"dev\.csv: classes z have no document to train on"):
        Split.given(labels_of({"a": "x", "b": "y"}), labels_of({"c": "z", "d": "x"}, "dev.csv"))


def test_a_class_that_only_dev_has_is_told_what_it_nearly_is() -> None:
    with pytest.raises(DataError, match=r"classes Y have no document to train on \(written otherwise: Y ~ y\); label"):
        Split.given(labels_of({"a": "x", "b": "y"}), labels_of({"c": "Y", "d": "x"}, "dev.csv"))


def test_a_document_in_both_parts_is_an_error() -> None:
    with pytest.raises(DataError, match=r"dev\.csv: 1 document in the training labels too \(b\)"):
        Split.given(labels_of({"a": "x", "b": "y"}), labels_of({"b": "y", "c": "x"}, "dev.csv"))
