from __future__ import annotations

from dataclasses import fields

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore.errors import UsageError
from encore.pipelines.dead_letters import (
    DEAD_LETTER_SCHEMA,
    DeadLetter,
    DeadLetterLimit,
    dead_letter_table,
    dead_letters_to_parquet,
)
from tests.pipelines.letter_files import dead_letters_from_parquet

LETTERS = (
    DeadLetter("a", "/corpus/x.parquet", 3, "validate", "empty text", b"\1" * 32),
    DeadLetter(None, "/corpus/x.parquet", 2**40, "read", "malformed JSON line"),
)


def test_dead_letters_come_back_from_parquet_as_they_were():
    assert dead_letters_from_parquet(dead_letters_to_parquet(LETTERS)) == LETTERS


def test_a_dead_letter_file_has_the_published_columns_and_none_for_the_text():
    assert pq.read_schema(pa.BufferReader(dead_letters_to_parquet(LETTERS))).equals(DEAD_LETTER_SCHEMA)
    assert DEAD_LETTER_SCHEMA.names == [field.name for field in fields(DeadLetter)]
    assert "text" not in DEAD_LETTER_SCHEMA.names


def test_no_dead_letters_make_an_empty_table_of_the_same_columns():
    assert dead_letter_table(()).schema.equals(DEAD_LETTER_SCHEMA)
    assert dead_letters_from_parquet(dead_letters_to_parquet(())) == ()


def test_the_same_letters_give_the_same_bytes():
    assert dead_letters_to_parquet(LETTERS) == dead_letters_to_parquet(LETTERS)


def test_the_kind_of_a_reason_is_what_comes_before_its_detail():
    assert DeadLetter("a", "f", 0, "validate", "duplicate id: first seen in s3://b/f row 1").kind == "duplicate id"
    assert LETTERS[0].kind == "empty text"


@pytest.mark.parametrize(
    ("text", "documents", "most"),
    [
        (None, 0, 10),
        (None, 1_000, 10),
        (None, 1_099, 10),
        (None, 1_100, 11),
        (None, 100_000, 1_000),
        ("0", 1_000_000, 0),
        ("25", 10, 25),
        ("1", 1_000, 1),
        ("0.01", 1_000, 10),
        ("0.01", 99, 0),
        (".5", 7, 3),
        ("1.0", 7, 7),
        ("0.0", 7, 0),
        ("0.29", 100, 29),
    ],
)
def test_a_limit_is_a_count_or_a_share_and_one_percent_or_ten_by_default(text, documents, most):
    limit = DeadLetterLimit.parse(text)
    assert limit.most(documents) == most
    assert limit.allows(most, documents)
    assert not limit.allows(most + 1, documents)


@given(st.integers(0, 1000), st.integers(1, 10**9))
def test_a_share_of_some_thousandths_is_exact(thousandths, documents):
    assert DeadLetterLimit.parse(f"{thousandths / 1000:.3f}").most(documents) == thousandths * documents // 1000


@pytest.mark.parametrize("text", ["", "ten", "-1", "1.5", "1e3", "0.1.2", ".", "5%", "٣"])
def test_what_is_no_limit_is_refused_by_name(text):
    with pytest.raises(UsageError, match="dead-letter limit"):
        DeadLetterLimit.parse(text)


def test_a_limit_reads_as_people_say_it():
    assert str(DeadLetterLimit.parse(None)) == "1 % of the documents, or 10 where that is more"
    assert str(DeadLetterLimit.parse("25")) == "25"
    assert str(DeadLetterLimit.parse("0.005")) == "0.5 % of the documents"
