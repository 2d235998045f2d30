"""Words in their sentences, each with its sense: what the probe learns from and is measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore import DataError, UsageError
from encore.featurestore.common import first_line, without_quotes
from encore.featurestore.documents import offsets_of, text_digests
from encore.featurestore.format import DamagedParquet, decoded, footer_of, names_in, parse_footer
from encore.featurestore.storage import read_file

INSTANCE_SCHEMA = pa.schema(
    {
        "instance_id": pa.string(),
        "sentence": pa.list_(pa.string()),
        "index": pa.int64(),
        "lemma": pa.string(),
        "pos": pa.string(),
        "sense": pa.string(),
        "senses": pa.list_(pa.string()),
    }
)
"""Columns of a file: ``index`` is the target's place in ``sentence``; ``senses`` are all that count as right."""

ID_DIGITS = 32
"""Hex digits of a sentence's digest that make its document id."""


@dataclass(frozen=True, eq=False)
class WordInstances:
    """Target words of one file.

    Attributes:
        ids: (n,) names of the instances.
        texts: (n,) sentences, their tokens joined by single spaces.
        starts, stops: (n,) int64: characters of the sentence between which the target lies.
        words: (n,) lemma and part of speech, the unit whose senses are told apart.
        senses: (n,) the sense that training counts.
        accepted: (n,) lists of the senses that are right.
    """

    ids: pa.StringArray
    texts: pa.StringArray
    starts: npt.NDArray[np.int64]
    stops: npt.NDArray[np.int64]
    words: pa.StringArray
    senses: pa.StringArray
    accepted: pa.ListArray

    @classmethod
    def read(cls, path: str) -> Self:
        """The instances of a Parquet file with the columns of `INSTANCE_SCHEMA`.

        Raises:
            UsageError: no such file, a column is missing or of another type, or there are no rows.
            DataError: a row lacks a value, or names a token that its sentence does not have.
        """
        table = _read_columns(path)
        complete = np.logical_and.reduce([column.is_valid().to_numpy() for column in table.itercolumns()])
        table = table.combine_chunks()
        ids, sentences, index = (table[name].combine_chunks() for name in ("instance_id", "sentence", "index"))
        _refuse(~complete, ids, path, "a value is missing")
        places = index.to_numpy()
        lengths = sentences.value_lengths().to_numpy()
        _refuse((places < 0) | (places >= lengths), ids, path, "index lies outside its sentence")
        texts = pc.binary_join(sentences, " ")
        _refuse(texts.is_null().to_numpy(zero_copy_only=False), ids, path, "a token of the sentence is missing")
        characters = pc.utf8_length(sentences.flatten()).to_numpy().astype(np.int64)
        ends = offsets_of(characters)
        first = offsets_of(lengths)[:-1]
        starts = ends[first + places] - ends[first] + places
        return cls(
            ids=ids,
            texts=texts,
            starts=starts,
            stops=starts + characters[first + places],
            words=pc.binary_join_element_wise(table["lemma"], table["pos"], "\t").combine_chunks(),
            senses=table["sense"].combine_chunks(),
            accepted=table["senses"].combine_chunks(),
        )

    def __len__(self) -> int:
        """Number of instances."""
        return len(self.ids)

    @property
    def sources(self) -> pa.StringArray:
        """(n,) the data set that each instance is from: what precedes the first dot of its name."""
        return pc.list_element(pc.split_pattern(self.ids, ".", max_splits=1), 0)

    def accepts(self, senses: pa.StringArray) -> npt.NDArray[np.bool_]:
        """(n,) whether each of these senses, null for no answer, is right for its instance."""
        owners = pc.list_parent_indices(self.accepted)
        same = pc.equal(senses.take(owners), self.accepted.flatten()).fill_null(False)
        right = np.zeros(len(self), bool)
        right[owners.to_numpy()[same.to_numpy(zero_copy_only=False)]] = True
        return right


def distinct_sentences(*parts: WordInstances) -> pa.Table:
    """The sentences of all parts, each once, as a corpus: ``doc_id`` follows from ``text``."""
    texts = pc.unique(pa.chunked_array([part.texts for part in parts]))
    ids = [digest.hex()[:ID_DIGITS] for digest in text_digests(texts).to_pylist()]
    return pa.table({"doc_id": pa.array(ids, pa.string()), "text": texts})


def _read_columns(path: str) -> pa.Table:
    data = read_file(path)
    try:
        held = names_in(parse_footer(footer_of(data)))
        missing = [name for name in INSTANCE_SCHEMA.names if name not in held]
        if missing:
            raise UsageError(f"{path}: no column {', '.join(missing)}; columns there: {', '.join(held)}")
        table = decoded(data, columns=INSTANCE_SCHEMA.names)
    except (DamagedParquet, pa.ArrowException) as error:
        raise UsageError(f"{path}: cannot be read as Parquet: {first_line(error)}") from error
    try:
        table = table.cast(INSTANCE_SCHEMA)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        wanted = ", ".join(f"{field.name} {field.type}" for field in INSTANCE_SCHEMA)
        raise UsageError(f"{path}: columns of other types than expected ({wanted}): {without_quotes(error)}") from error
    if not table.num_rows:
        raise UsageError(f"{path}: holds no instances; give a file that has some")
    return table


def _refuse(wrong: npt.NDArray[np.bool_], ids: pa.StringArray, path: str, reason: str) -> None:
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{path}: row {row} ({ids[row]}): {reason}; {wrong.sum():,} such rows, mend or remove them")
