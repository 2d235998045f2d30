"""Names of documents are part of the format: their definitions are pinned here, byte by byte."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encore.featurestore.documents.ids import id_array, key_hashes, text_digests
from encore.featurestore.errors import UsageError
from tests.strategies import DOC_IDS, TEXTS


def strings(*values: str | None) -> pa.Array:
    return pa.array(values, pa.string())


def test_a_key_hash_is_blake2b_128_of_the_id() -> None:
    assert key_hashes(strings("doc-1", "é"))[0].as_py().hex() == "29523d2cd6ed3a72de48fd49f48d92d6"
    assert key_hashes(strings("é"))[0].as_py() == hashlib.blake2b(b"\xc3\xa9", digest_size=16).digest()
    assert key_hashes(strings("x")).type == pa.binary(16)


def test_a_text_digest_is_sha256_of_the_text_behind_its_length() -> None:
    assert text_digests(strings("a text"))[0].as_py().hex() == (
        "b051f7613a60a4757a62cf00dd484a6250e91c4106e71122e6495c45b7e65048"
    )
    assert text_digests(strings("é"))[0].as_py() == hashlib.sha256(bytes(7) + b"\x02\xc3\xa9").digest()
    assert text_digests(strings("x")).type == pa.binary(32)


def test_a_pair_is_hashed_behind_its_own_length() -> None:
    digest = text_digests(strings("ab"), strings("c"))[0].as_py()
    assert digest == hashlib.sha256(bytes(7) + b"\x02ab" + bytes(7) + b"\x01c").digest()


def test_where_a_text_ends_and_its_pair_begins_matters() -> None:
    digests = text_digests(strings("ab", "a", "abc"), strings("c", "bc", ""))
    assert len(set(digests.to_pylist())) == 3


def test_a_null_pair_is_no_pair_and_an_empty_pair_is_one() -> None:
    single, null, empty = text_digests(strings("a")), *text_digests(strings("a", "a"), strings(None, "")).to_pylist()
    assert single[0].as_py() == null
    assert null != empty


@given(st.lists(DOC_IDS), st.integers(0, 3))
def test_chunks_slices_and_string_types_change_nothing(ids: list[str], start: int) -> None:
    whole = key_hashes(pa.array(ids, pa.string())).to_pylist()
    assert key_hashes(pa.array(ids, pa.large_string())).to_pylist() == whole
    assert key_hashes(pa.array(ids, pa.string()).slice(start)).to_pylist() == whole[start:]
    assert key_hashes(pa.chunked_array([ids[:start], [], ids[start:]], pa.string())).to_pylist() == whole
    assert len(set(whole)) == len(set(ids))


@given(st.lists(st.tuples(TEXTS, st.none() | TEXTS), unique=True))
def test_different_documents_have_different_digests(documents: list[tuple[str, str | None]]) -> None:
    digests = text_digests(strings(*(t for t, _ in documents)), strings(*(p for _, p in documents))).to_pylist()
    assert len(set(digests)) == len(documents)


def test_ids_are_texts_or_integers_and_one_by_itself_is_one() -> None:
    assert id_array("d12").equals(strings("d12"))
    assert id_array(12).equals(strings("12"))
    assert id_array([1, 12]).equals(strings("1", "12"))
    assert id_array(pa.chunked_array([[1], [12]])).equals(strings("1", "12"))
    assert id_array(np.int64(12)).equals(strings("12"))
    assert id_array([]).equals(strings())


@pytest.mark.parametrize("ids", [[["d1"]], ["d1", 2], 1.5, None, [{"doc_id": "d1"}]])
def test_what_is_no_id_is_refused_in_one_line(ids: Any) -> None:
    with pytest.raises(UsageError, match=r"ids: expected texts or integers: .*$"):
        id_array(ids)
