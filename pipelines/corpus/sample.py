"""The calibration sample: the documents with the smallest hashes of their ids.

It is the same on every machine, for every number of workers and for every size of unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encore.encoders.documents import DocumentBlock
from encore.featurestore.documents import KEY_BYTES, key_hashes
from encore.pipelines.corpus.columns import CorpusColumns
from encore.pipelines.corpus.duplicates import Keys
from encore.pipelines.corpus.planning import Plan
from encore.pipelines.corpus.raw_rows import RawRows
from encore.pipelines.corpus.reading import read_raw
from encore.pipelines.corpus.units import WorkUnit, group_by_split
from encore.pipelines.corpus.validation import validate


@dataclass(frozen=True)
class SampleUnit:
    """The sampled documents of one work unit.

    Attributes:
        unit: where they lie.
        keys: their key hashes, 16 bytes each.
    """

    unit: WorkUnit
    keys: bytes


def smallest_keys(plan: Plan, size: int) -> Keys:
    """(at most size, 2) uint64: the smallest key hashes of the corpus, sorted."""
    high = plan.keys[:, 0]
    candidates = plan.keys
    if size < len(high):
        candidates = plan.keys[high <= np.partition(high, size - 1)[size - 1]] if size else plan.keys[:0]
    return candidates[np.lexsort((candidates[:, 1], candidates[:, 0]))][:size]


def sample_units(plan: Plan, keys: Keys) -> tuple[SampleUnit, ...]:
    """The units that hold the documents with these smallest key hashes, as `smallest_keys` gives them."""
    if not len(keys):
        return ()
    high, low = keys[-1]
    held = np.flatnonzero((plan.keys[:, 0] < high) | ((plan.keys[:, 0] == high) & (plan.keys[:, 1] <= low)))
    ends = np.cumsum([unit.documents for unit in plan.units])
    owners = np.searchsorted(ends, held, side="right")
    return tuple(
        SampleUnit(plan.units[owner], plan.keys[held[owners == owner]].astype(">u8").tobytes())
        for owner in np.unique(owners).tolist()
    )


def read_sample(samples: Sequence[SampleUnit], columns: CorpusColumns) -> DocumentBlock:
    """All valid documents of a sample, sorted by key hash; ``samples`` holds at least one unit."""
    return order_by_key(list(read_sample_units(samples, columns)))


def read_sample_units(samples: Sequence[SampleUnit], columns: CorpusColumns) -> Iterator[DocumentBlock]:
    """The valid documents among each unit's sampled ones, in file order."""
    keys = {sample.unit.number: sample.keys for sample in samples}
    for units in group_by_split([sample.unit for sample in samples]):
        for unit, raw in zip(units, read_raw(units, columns), strict=True):
            yield _sampled(unit, raw, keys[unit.number])


def _sampled(unit: WorkUnit, raw: RawRows, keys: bytes) -> DocumentBlock:
    present = np.flatnonzero(raw.ids.is_valid().to_numpy(zero_copy_only=False))
    hashes = key_hashes(raw.ids.take(pa.array(present)))
    wanted = pa.Array.from_buffers(pa.binary(KEY_BYTES), len(keys) // KEY_BYTES, [None, pa.py_buffer(keys)])
    chosen = pc.is_in(hashes, value_set=wanted).to_numpy(zero_copy_only=False)
    return validate(raw.take(present[chosen]), unit)[0]


def order_by_key(blocks: Sequence[DocumentBlock]) -> DocumentBlock:
    """One block of all documents, sorted by key hash. The order then does not depend on how units were cut."""
    table = pa.concat_tables([block.table for block in blocks])
    order = pc.sort_indices(table["key_hash"].cast(pa.binary()))
    return DocumentBlock(table.take(order).combine_chunks())
