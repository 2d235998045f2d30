"""The first stage of an encode job: read work units, validate them, and leave out stored documents."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import apache_beam as beam
import pyarrow as pa
from apache_beam.utils.shared import Shared

from encore.encoders import DocumentBlock
from encore.featurestore.common import panics_as_errors
from encore.pipelines.corpus import CorpusColumns, UnitRead, WorkUnit, read_units
from encore.pipelines.flow import FailedUnit, Failure, Interruption, PlannedUnit, UnitDocuments
from encore.pipelines.ingestion import Snapshot, settle
from encore.pipelines.progress import SharedCounts


class ReadUnits(beam.DoFn):
    """Work units of one split → UnitDocuments with the documents that the snapshot lacks, or FailedUnit."""

    def __init__(self, uri: str, version: int, columns: CorpusColumns, shared_counts: SharedCounts) -> None:
        self._uri, self._version, self._columns = uri, version, columns
        self._shared_counts = shared_counts
        self._handle = Shared()

    def open(self) -> Snapshot:
        """The snapshot with its key index. A process has one, as long as something refers to it."""
        return Snapshot.shared(self._handle, self._uri, self._version)

    def setup(self) -> None:
        """Open the snapshot once a worker."""
        self._snapshot = self.open()

    def process(self, units: tuple[WorkUnit, ...]) -> Iterator[UnitDocuments | FailedUnit]:
        """Read units that share a split. Each unit goes on to the encoder before the next one is read.

        An error in a unit becomes its failure. The units after it are then read by a new pass over the file.
        """
        done = 0
        with suppress(Interruption):
            while done < len(units):
                for unit in self._read(units[done:]):
                    done += 1
                    yield unit
                    # Frees its memory before the next unit is read.
                    del unit

    def _read(self, units: tuple[WorkUnit, ...]) -> Iterator[UnitDocuments | FailedUnit]:
        """The units up to and including the first that fails."""
        reads: Iterator[UnitRead] | None = None
        for unit in units:
            self._shared_counts.get().check()
            started = time.perf_counter()
            try:
                with panics_as_errors():
                    reads = reads or read_units(units, self._columns)
                    documents = what_is_left(unit, next(reads), self._snapshot, started)
            except Exception as error:  # noqa: BLE001 (becomes the unit's failure, which the job reports and exits 1 for)
                yield FailedUnit(unit.number, unit.rows, Failure.of("read", error))
                return
            yield documents
            del documents


def what_is_left(unit: WorkUnit, read: UnitRead, snapshot: Snapshot, started: float) -> UnitDocuments:
    """The valid documents of a unit that the snapshot lacks; none where an earlier attempt finished their segment."""
    documents, dead, rows = read
    planned = PlannedUnit(unit.number, unit.rows, unit.file.uri, documents.index_columns, rows, dead)
    settled, left = settle(planned, snapshot)
    table = documents.table if settled.pending else documents.table.slice(0, 0)
    if settled.pending and not left.all():
        table = table.filter(pa.array(left))
    return UnitDocuments(settled.spent({"read": time.perf_counter() - started}), DocumentBlock(table))
