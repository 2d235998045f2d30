"""WordNet's first sense of a word: what is answered where training lacks the word."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore import DataError, UsageError
from encore.featurestore.storage import read_file

PARTS_OF_SPEECH = ("NOUN", "VERB", "ADJ", "ADV", "ADJ")
"""Names of WordNet's synset types 1 to 5, in the words of the instances; a satellite, type 5, is an adjective."""

SENSE_LINE = r"^(?P<lemma>[^%\s]+)%(?P<type>[1-5]):\S+ \d{8} (?P<number>\d+) \d+$"
"""A line of ``index.sense``: sense key, place of the synset, sense number, count of tags."""


def read_first_senses(path: str) -> pa.Table:
    """The senses that WordNet numbers 1: ``word`` (lemma and part of speech, as in `WordInstances`) and ``sense``.

    WordNet numbers the senses of a word by how often its annotators met them. The literature falls back to number 1
    for words that training lacks (Raganato et al., 2017; Peters et al., 2018).

    Args:
        path: ``index.sense`` of a WordNet release, of the version whose sense keys the instances carry; see
            ``senseidx(5WN)``.

    Raises:
        UsageError: no such file, or it cannot be read.
        DataError: a line is not one of ``index.sense``.
    """
    try:
        lines = pa.array(read_file(path).decode().splitlines(), pa.string())
    except (UsageError, UnicodeDecodeError) as error:
        raise UsageError(f"--first-senses {path}: cannot be read: {error}") from error
    fields = pc.extract_regex(lines, SENSE_LINE)
    if fields.null_count or not len(fields):
        row = pc.index(fields.is_null(), True).as_py() if len(fields) else 0
        raise DataError(
            f"{path}: line {row + 1} is not one of WordNet's index.sense: sense key, offset, sense number, tag count"
        )
    first = pc.equal(fields.field("number"), "1")
    fields, keys = fields.filter(first), pc.list_element(pc.split_pattern(lines.filter(first), " "), 0)
    types = pc.subtract(pc.cast(fields.field("type"), pa.int8()), 1)
    parts = pa.array(PARTS_OF_SPEECH).take(types)
    return pa.table({"word": pc.binary_join_element_wise(fields.field("lemma"), parts, "\t"), "sense": keys})


def first_senses(table: pa.Table, words: pa.StringArray) -> pa.StringArray:
    """(n,) the first sense of each word; null where the table has none."""
    return table["sense"].combine_chunks().take(pc.index_in(words, value_set=table["word"].combine_chunks()))
