"""The classifier says what a plain one says that goes through instances, words and senses one by one."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.experiments.word_sense import centroids as module
from encore.experiments.word_sense.centroids import SenseCentroids, SenseInventory

WIDTH = 5
INSTANCES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["s1", "s2", "s3"]), st.booleans()), min_size=1, max_size=25
)
QUESTIONS = st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=12)


def plain_answer(train: list, vectors: np.ndarray, word: str, vector: np.ndarray | None) -> str | None:
    """Peters et al. (2018): average the vectors of each sense; the nearest by cosine, else the most frequent sense."""
    counts = Counter(sense for w, sense, _ in train if w == word)
    if not counts:
        return None
    sums = defaultdict(lambda: np.zeros(WIDTH))
    for (w, sense, found), value in zip(train, vectors, strict=True):
        if w == word and found:
            sums[sense] += value
    if vector is None or not sums:
        return counts.most_common(1)[0][0]
    cosines = {s: total @ vector / np.linalg.norm(total) / np.linalg.norm(vector) for s, total in sums.items()}
    return max(cosines, key=cosines.get)


@given(train=INSTANCES, questions=QUESTIONS, seed=st.integers(0, 999))
def test_answers_are_those_of_the_plain_classifier(train: list, questions: list, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((len(train), WIDTH)).astype(np.float32)
    asked = random.standard_normal((len(questions), WIDTH)).astype(np.float32)
    inventory = SenseInventory.of(*(pa.array(column) for column in list(zip(*train, strict=True))[:2]))
    learned = SenseCentroids.of(inventory, vectors, np.array([found for *_, found in train]))
    words = pa.array([word for word, _ in questions], pa.string())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "VALUES_AT_ONCE", 3 * WIDTH)
        places = learned.nearest(words, asked, np.array([found for _, found in questions], bool))
    expected = [
        plain_answer(train, vectors, word, vector if found else None)
        for (word, found), vector in zip(questions, asked, strict=True)
    ]
    assert inventory.named(places).to_pylist() == expected


@given(train=INSTANCES)
def test_the_most_frequent_sense_is_the_first_to_come_of_the_most_frequent_ones(train: list) -> None:
    words, senses = (pa.array(column) for column in list(zip(*train, strict=True))[:2])
    inventory = SenseInventory.of(words, senses)
    asked = ["a", "b", "c", "d"]
    found = inventory.named(inventory.most_frequent(pa.array(asked))).to_pylist()
    for word, sense in zip(asked, found, strict=True):
        counts = Counter(s for w, s, _ in train if w == word)
        assert sense == (counts.most_common(1)[0][0] if counts else None)


@given(train=INSTANCES)
def test_every_instance_is_counted_for_its_own_word_and_sense(train: list) -> None:
    words, senses = (pa.array(column) for column in list(zip(*train, strict=True))[:2])
    inventory = SenseInventory.of(words, senses)
    assert inventory.named(inventory.of_instance).to_pylist() == senses.to_pylist()
    owners = np.searchsorted(inventory.bounds, inventory.of_instance, side="right") - 1
    assert inventory.words.take(pa.array(owners)).to_pylist() == words.to_pylist()
    assert inventory.bounds[-1] == len(inventory.senses) == len({(w, s) for w, s, _ in train})


def test_of_equally_near_senses_the_more_frequent_one_is_taken() -> None:
    inventory = SenseInventory.of(pa.array(["w"] * 3), pa.array(["rare", "often", "often"]))
    learned = SenseCentroids.of(inventory, np.ones((3, WIDTH), np.float32), np.ones(3, bool))
    places = learned.nearest(pa.array(["w"]), np.ones((1, WIDTH), np.float32), np.ones(1, bool))
    assert inventory.named(places).to_pylist() == ["often"]
    assert SenseCentroids.of(inventory, np.zeros((3, WIDTH), np.float32), np.ones(3, bool)).centroids.sum() == 0
