"""The first stage of an encode job: read a work unit, validate it, and leave out what is stored."""

from __future__ import annotations

import time
from collections.abc import Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.utils.shared import Shared

from encoders import DocumentBlock
from featurestore import INDEX_SCHEMA
from featurestore.panics import panics_as_errors
from pipelines.corpus import CorpusColumns, WorkUnit, read_unit
from pipelines.unit_flow import Failure, UnitDocuments, UnitState
from pipelines.unit_stages import Snapshot, settle


class ReadUnits(beam.DoFn):
    """WorkUnit → UnitDocuments: the documents of a unit that the snapshot lacks."""

    def __init__(self, uri: str, version: int, columns: CorpusColumns) -> None:
        self._uri, self._version, self._columns = uri, version, columns
        self._handle = Shared()

    def setup(self) -> None:
        """Open the snapshot once a worker; its key index is shared by the threads of a process."""
        self._snapshot = Snapshot.shared(self._handle, self._uri, self._version)

    def process(self, unit: WorkUnit) -> Iterator[UnitDocuments]:
        """Read one unit; whatever goes wrong becomes its failure, and other units go on."""
        try:
            yield read_documents(unit, self._columns, self._snapshot)
        except Exception as error:  # noqa: BLE001 (becomes the unit's failure, which the job reports and exits 1 for)
            yield _failed(unit, Failure.of("read", error))


@panics_as_errors()
def read_documents(unit: WorkUnit, columns: CorpusColumns, snapshot: Snapshot) -> UnitDocuments:
    """The valid documents of a unit that the snapshot lacks; none where their segment is finished already."""
    started = time.perf_counter()
    documents, dead, rows = read_unit(unit, columns)
    state = UnitState(
        unit=unit.number,
        segment=None,
        finished=None,
        index=documents.index_columns,
        file=unit.file.uri,
        rows=rows,
        documents_in=unit.rows,
        dead=dead,
    )
    state, left = settle(state, snapshot)
    remaining = DocumentBlock(documents.table.filter(pa.array(left)) if state.pending else documents.table.slice(0, 0))
    return UnitDocuments(state.spent("read", time.perf_counter() - started), remaining)


def _failed(unit: WorkUnit, failure: Failure) -> UnitDocuments:
    nothing = pa.array([], pa.string())
    state = UnitState(
        unit=unit.number,
        segment=None,
        finished=None,
        index=INDEX_SCHEMA.empty_table(),
        file=unit.file.uri,
        rows=np.empty(0, np.int64),
        documents_in=unit.rows,
        failure=failure,
    )
    return UnitDocuments(state, DocumentBlock.build(nothing, nothing))
