"""Files of words in sentences are read as they are, or refused with what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.experiments.word_sense.instances import INSTANCE_SCHEMA, WordInstances, distinct_sentences
from encore.featurestore import DataError, UsageError
from tests.deep_parquet import deep_parquet
from tests.experiments.word_sense.building import instance, made_up, write
from tests.limited import exit_code_of

TOKENS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=5)
SENTENCES = st.lists(TOKENS, min_size=1, max_size=6)


@given(sentences=st.lists(SENTENCES, min_size=1, max_size=8), data=st.data())
def test_the_characters_of_the_target_are_the_target(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[list[str]], data: st.DataObject
) -> None:
    places = [data.draw(st.integers(0, len(sentence) - 1)) for sentence in sentences]
    rows = [instance(i, s, place, "s") for i, (s, place) in enumerate(zip(sentences, places, strict=True))]
    found = WordInstances.read(write(tmp_path_factory.mktemp("wsd") / "a.parquet", rows))
    for i, (sentence, place) in enumerate(zip(sentences, places, strict=True)):
        text = found.texts[i].as_py()
        assert text == " ".join(sentence)
        assert text[found.starts[i] : found.stops[i]] == sentence[place]
        assert found.starts[i] == len(" ".join([*sentence[:place], ""]))


def test_a_file_of_several_row_groups_is_read_like_one(tmp_path: Path) -> None:
    train, _ = made_up()
    whole = WordInstances.read(write(tmp_path / "a.parquet", train))
    pq.write_table(pq.read_table(tmp_path / "a.parquet"), tmp_path / "b.parquet", row_group_size=3)
    parts = WordInstances.read(str(tmp_path / "b.parquet"))
    assert parts.texts.equals(whole.texts)
    assert parts.starts.tolist() == whole.starts.tolist()
    assert parts.accepted.equals(whole.accepted)


def test_any_accepted_sense_is_right_and_no_answer_is_not(tmp_path: Path) -> None:
    rows = [instance(i, ["a"], 0, "x", accepted=accepted) for i, accepted in enumerate([(), ("y",), ("y", "z"), ()])]
    found = WordInstances.read(write(tmp_path / "a.parquet", rows))
    assert found.accepts(pa.array(["x", "y", "w", None])).tolist() == [True, True, False, False]
    assert found.accepts(pa.array(["y", "x", "z", "x"])).tolist() == [False, True, True, True]


def test_the_source_is_what_precedes_the_first_dot(tmp_path: Path) -> None:
    rows = [instance(1, ["a"], 0, "x", source=source) for source in ("senseval2.d000", "plain")]
    assert WordInstances.read(write(tmp_path / "a.parquet", rows)).sources.to_pylist() == ["senseval2", "plain"]


def test_a_sentence_is_one_document_whatever_refers_to_it(tmp_path: Path) -> None:
    train, test = (WordInstances.read(write(tmp_path / f"{i}.parquet", part)) for i, part in enumerate(made_up()))
    corpus = distinct_sentences(train, test)
    expected = {" ".join(row["sentence"]) for part in made_up() for row in part}
    assert sorted(corpus["text"].to_pylist()) == sorted(expected)
    assert len(set(corpus["doc_id"].to_pylist())) == len(expected)
    again = distinct_sentences(test)
    ids = dict(zip(corpus["text"].to_pylist(), corpus["doc_id"].to_pylist(), strict=True))
    assert [ids[text] for text in again["text"].to_pylist()] == again["doc_id"].to_pylist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"index": 5}, r"row 1 \(made.s1\): index lies outside its sentence; 1 such rows"),
        ({"index": -1}, "index lies outside its sentence"),
        ({"sentence": []}, "index lies outside its sentence"),
        ({"sentence": ["a", None]}, "a token of the sentence is missing"),
        ({"sentence": None}, "a value is missing"),
        ({"sense": None}, "a value is missing"),
        ({"senses": None}, "a value is missing"),
    ],
)
def test_a_damaged_row_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    rows = [instance(i, ["a", "b"], 0, "x") for i in range(3)]
    rows[1] |= change
    with pytest.raises(DataError, match=message):
        WordInstances.read(write(tmp_path / "a.parquet", rows))


def test_what_is_no_file_of_instances_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.parquet: no such file"):
        WordInstances.read(str(tmp_path / "none.parquet"))
    (tmp_path / "text").write_text("not Parquet")
    with pytest.raises(UsageError, match="cannot be read as Parquet"):
        WordInstances.read(str(tmp_path / "text"))
    pq.write_table(pa.table({"sentence": [["a"]], "index": [0]}), tmp_path / "few.parquet")
    with pytest.raises(UsageError, match="no column instance_id, lemma, pos, sense, senses; columns there: sentence, "):
        WordInstances.read(str(tmp_path / "few.parquet"))
    with pytest.raises(UsageError, match="holds no instances"):
        WordInstances.read(write(tmp_path / "empty.parquet", []))
    table = pa.Table.from_pylist([instance(0, ["a"], 0, "x")], schema=INSTANCE_SCHEMA)
    texts = table.set_column(1, "sentence", pa.array(["one text"]))
    pq.write_table(texts, tmp_path / "texts.parquet")
    with pytest.raises(UsageError, match="columns of other types than expected"):
        WordInstances.read(str(tmp_path / "texts.parquet"))


def test_a_footer_that_would_end_the_process_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(deep_parquet(100_000))

    def read() -> None:
        with pytest.raises(UsageError, match="cannot be read as Parquet: its footer cannot be read"):
            WordInstances.read(str(tmp_path / "a.parquet"))

    assert exit_code_of(read) == 0
