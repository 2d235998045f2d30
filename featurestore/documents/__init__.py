"""What a store holds, in memory: documents with their ids, columns and packed vectors."""

from encore.featurestore.documents.blocks import (
    INDEX_SCHEMA,
    FeatureBlock,
    concatenate_indexes,
    joined_schema,
    of_schema,
)
from encore.featurestore.documents.columns import TEXT, as_stored, differ, promote, promoted
from encore.featurestore.documents.digest import combine_digests, document_digest_sum
from encore.featurestore.documents.ids import DIGEST_BYTES, KEY_BYTES, id_array, key_hashes, text_digests
from encore.featurestore.documents.keys import KeyArray, KeyIndex, WantedKeys, words
from encore.featurestore.documents.ragged_arrays import offsets_of, parts_of, rows_of

__all__ = [
    "DIGEST_BYTES",
    "INDEX_SCHEMA",
    "KEY_BYTES",
    "TEXT",
    "FeatureBlock",
    "KeyArray",
    "KeyIndex",
    "WantedKeys",
    "as_stored",
    "combine_digests",
    "concatenate_indexes",
    "differ",
    "document_digest_sum",
    "id_array",
    "joined_schema",
    "key_hashes",
    "of_schema",
    "offsets_of",
    "parts_of",
    "promote",
    "promoted",
    "rows_of",
    "text_digests",
    "words",
]
