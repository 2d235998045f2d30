"""The nearest centroid of a word's senses (Peters et al., 2018; paper, section 6.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore.common import Int64s, Vectors
from encore.featurestore.documents import offsets_of, rows_of

VALUES_AT_ONCE = 1 << 24
"""Floats gathered at a time: 64 MiB, however many senses there are to compare with."""


@dataclass(frozen=True, eq=False)
class SenseInventory:
    """The senses that each word has in the training instances.

    Attributes:
        words: (words,) lemma and part of speech, in order of first occurrence.
        senses: (senses,) those of a word are neighbours, the most frequent first, equally frequent ones as they occur.
        bounds: (words + 1,) word i has the senses ``bounds[i]:bounds[i + 1]``.
        of_instance: (training instances,) the place in ``senses`` of each one's.
    """

    words: pa.StringArray
    senses: pa.StringArray
    bounds: Int64s
    of_instance: Int64s

    @classmethod
    def of(cls, words: pa.StringArray, senses: pa.StringArray) -> SenseInventory:
        """The inventory of training instances with these words and senses."""
        coded = words.dictionary_encode()
        pairs = pc.binary_join_element_wise(words, senses, "\t").dictionary_encode().indices.to_numpy()
        _, first, counts = np.unique(pairs, return_index=True, return_counts=True)
        owners = coded.indices.to_numpy()[first]
        order = np.lexsort((first, -counts, owners))
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        return cls(
            words=coded.dictionary,
            senses=senses.take(pa.array(first[order])),
            bounds=offsets_of(np.bincount(owners, minlength=len(coded.dictionary))),
            of_instance=place[pairs],
        )

    def find(self, words: pa.StringArray) -> Int64s:
        """(n,) place of each word; -1 where training has none."""
        found = pc.index_in(words, value_set=self.words).fill_null(-1)
        return found.to_numpy().astype(np.int64)  # type: ignore[no-any-return]

    def most_frequent(self, words: pa.StringArray) -> Int64s:
        """(n,) place of each word's most frequent sense; -1 where training lacks the word."""
        places = self.find(words)
        return np.where(places < 0, -1, self.bounds[places])

    def named(self, places: Int64s) -> pa.StringArray:
        """(n,) names of senses; null for -1."""
        return self.senses.take(pa.array(places, mask=places < 0))


@dataclass(frozen=True, eq=False)
class SenseCentroids:
    """The mean vector of every sense over its training instances.

    Attributes:
        inventory: the senses.
        centroids: (senses, width) float32 of length 1, since vectors are compared by the angle between them.
        known: (senses,) whether any instance of the sense had a vector.
    """

    inventory: SenseInventory
    centroids: Vectors
    known: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, inventory: SenseInventory, vectors: Vectors, found: npt.NDArray[np.bool_]) -> SenseCentroids:
        """Average the training instances of each sense.

        Args:
            inventory: made from the same instances.
            vectors: (training instances, width).
            found: (training instances,) which of them have a vector.
        """
        senses = inventory.of_instance[found]
        order = np.argsort(senses, kind="stable")
        counts = np.bincount(senses, minlength=len(inventory.senses))
        known = counts > 0
        centroids = np.zeros((len(counts), vectors.shape[1]), np.float32)
        if known.any():
            sums = np.add.reduceat(vectors[found][order], offsets_of(counts)[:-1][known], axis=0)
            lengths = np.linalg.norm(sums, axis=1, keepdims=True)
            centroids[known] = sums / np.where(lengths > 0, lengths, 1)
        return cls(inventory, centroids, known)

    def nearest(self, words: pa.StringArray, vectors: Vectors, found: npt.NDArray[np.bool_]) -> Int64s:
        """(n,) place of the sense whose centroid has the smallest angle to each vector.

        An instance without a vector gets its word's most frequent sense, one of a word that training lacks -1. Of
        equally near senses the more frequent one is taken.

        Args:
            words: (n,) words of the instances.
            vectors: (n, width).
            found: (n,) which instances have a vector.
        """
        places = self.inventory.find(words)
        answered = np.flatnonzero(places >= 0)
        firsts = self.inventory.bounds[places[answered]]
        counts = self.inventory.bounds[places[answered] + 1] - firsts
        owners, senses = np.repeat(answered, counts), rows_of(firsts, counts)
        nearness = np.empty(len(senses), np.float32)
        step = max(1, VALUES_AT_ONCE // max(1, vectors.shape[1]))
        for start in range(0, len(senses), step):
            part = slice(start, start + step)
            nearness[part] = np.einsum("ij,ij->i", vectors[owners[part]], self.centroids[senses[part]])
        nearness[~(self.known[senses] & found[owners])] = -np.inf
        order = np.lexsort((senses, -nearness, owners))
        predicted = np.full(len(words), -1, np.int64)
        predicted[answered] = senses[order[offsets_of(counts)[:-1]]]
        return predicted
