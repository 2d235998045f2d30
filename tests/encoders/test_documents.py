"""Blocks of documents."""

import pyarrow as pa

from encore.encoders import DOCUMENT_COLUMNS, DocumentBlock
from encore.featurestore.documents.ids import key_hashes, text_digests


def test_a_block_has_hashes_and_digests_and_keeps_what_it_is_given() -> None:
    ids, texts, pairs = pa.array(["a", "b"]), pa.chunked_array([["one"], ["two"]]), pa.array(["three", None])
    documents = DocumentBlock.build(ids, texts, pairs, pa.table({"year": [1999, 2000]}))
    assert len(documents) == 2
    assert documents.table.column_names == [*DOCUMENT_COLUMNS, "year"]
    assert documents.table["key_hash"].to_pylist() == key_hashes(ids).to_pylist()
    assert documents.table["text_digest"].to_pylist() == text_digests(texts, pairs).to_pylist()
    assert documents.table["pair"].to_pylist() == ["three", None]


def test_single_texts_have_null_pairs_and_the_digest_of_no_pair() -> None:
    documents = DocumentBlock.build(pa.array(["a"]), pa.array(["one"]))
    assert documents.table["pair"].to_pylist() == [None]
    assert documents.table["pair"].type == pa.string()
    assert documents.table["text_digest"].to_pylist() == text_digests(pa.array(["one"])).to_pylist()


def test_the_index_columns_hold_no_text() -> None:
    documents = DocumentBlock.build(pa.array(["a"]), pa.array(["secret"]), kept=pa.table({"year": [1999]}))
    assert documents.index_columns.column_names == ["doc_id", "key_hash", "text_digest", "year"]
