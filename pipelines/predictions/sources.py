"""Predictions of a compacted segment. They are put together from those of its sources, and not scored again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore import Catalogue, StoreError
from encore.featurestore.segments import SegmentEntry, SegmentRecord, read_deletions, read_record
from encore.featurestore.storage import OBJECTS_AT_ONCE
from encore.pipelines.predictions.files import PredictionFile
from encore.pipelines.predictions.folder import PredictionsFolder


@dataclass(frozen=True)
class SourceFile:
    """One head's predictions for a segment that was compacted into another.

    Attributes:
        path: the file.
        documents: rows of the file.
        segment: the segment that was compacted.
        deletions: the deletion vector that was in force when it was compacted.
        scored_under: the deletion vector that was in force when it was scored: the same, or an older one.
    """

    path: str
    documents: int
    segment: str
    deletions: str | None
    scored_under: str | None


Sources = Mapping[str, tuple[SourceFile, ...]]


def source_files(
    store: Catalogue, entries: Iterable[tuple[SegmentEntry, Sequence[str]]], listed: Sequence[PredictionFile]
) -> dict[str, Sources]:
    """Segment → head → the files of all the segments that were compacted into it, in the order of its documents.

    A head is left out where a file is missing. If a source was itself compacted, its own sources are looked up, down
    to segments with files. Records are read only if the folder has predictions for a segment that the store does not
    list any more.

    Args:
        store: the snapshot that is scored.
        entries: segments, each with the heads that have no file for it.
        listed: files that the folder lists.
    """
    there = {(file.head, file.segment): file for file in listed}
    orphans = {file.head for file in listed if file.segment not in store.listed}

    def look(asked: tuple[SegmentEntry, Sequence[str]]) -> tuple[str, Sources]:
        entry, heads = asked
        wanted = [head for head in heads if head in orphans]
        record = _readable_record(store, entry.segment) if wanted else None
        sources = record.sources if record is not None else ()
        lists = {head: _files(store, head, sources, there) for head in wanted} if sources else {}
        return entry.segment, {head: tuple(files) for head, files in lists.items() if files is not None}

    with ThreadPoolExecutor(OBJECTS_AT_ONCE) as pool:
        return {segment: files for segment, files in pool.map(look, entries) if files}


def _readable_record(store: Catalogue, segment: str) -> SegmentRecord | None:
    """A completion record; None if it is missing or damaged. The scoring of a damaged segment reports the error."""
    try:
        return read_record(store.objects, segment)
    except StoreError:
        return None


def _files(
    store: Catalogue,
    head: str,
    sources: Sequence[tuple[str, str | None]],
    there: Mapping[tuple[str, str], PredictionFile],
) -> list[SourceFile] | None:
    """The files of these sources, or of the sources of these; None where one is missing."""
    files: list[SourceFile] = []
    for segment, deletions in sources:
        if (file := there.get((head, segment))) is not None:
            files.append(SourceFile(file.path, file.documents, segment, deletions, file.deletions))
            continue
        record = _readable_record(store, segment)
        # With a deletion vector: nobody knows which documents were deleted before the segment was compacted again.
        if record is None or not record.sources or deletions is not None:
            return None
        deeper = _files(store, head, record.sources, there)
        if deeper is None:
            return None
        files += deeper
    return files


def carry_over(
    store: Catalogue,
    predictions: PredictionsFolder,
    entry: SegmentEntry,
    older: PredictionFile | None,
    sources: Sequence[SourceFile],
    classes: Sequence[str] | None = None,
) -> pa.Table | None:
    """A head's older predictions for the live documents of a segment; None where they do not cover all of them.

    A file that is missing or damaged covers nothing.

    Args:
        store: the snapshot that lists the segment.
        predictions: the folder.
        entry: the segment.
        older: file with its predictions under an older deletion vector; None without one.
        sources: files of the segments that were compacted into it; may be empty.
        classes: of the head; None where they are not known.
    """
    kept = None
    if older is not None:
        old = predictions.find_file(older.path, older.documents, classes)
        if old is None:
            return None
        live = store.live_index(entry, ["doc_id"])["doc_id"].combine_chunks()
        kept = old.filter(pc.is_in(old["doc_id"], value_set=live))
        if not kept["doc_id"].combine_chunks().equals(live):
            return None
    elif sources:
        kept = compose(store, predictions, entry, sources, classes)
    return kept if kept is not None and kept.num_rows == entry.live else None


def compose(
    store: Catalogue,
    predictions: PredictionsFolder,
    entry: SegmentEntry,
    sources: Sequence[SourceFile],
    classes: Sequence[str] | None = None,
) -> pa.Table | None:
    """The predictions for the live documents of a compacted segment; None where the files do not give them.

    A document may be in two sources, and deleted in one of them. So each file gives only the rows for the part of the
    segment that was copied from its source. These rows must be in the order of the documents.
    """
    ids = store.reader(entry).index(["doc_id"])["doc_id"].combine_chunks()
    counts = _copied_documents(store, sources, entry.documents)
    if counts is None or sum(counts) != entry.documents:
        return None
    parts, start = [], 0
    for source, count in zip(sources, counts, strict=True):
        table, wanted = predictions.find_file(source.path, source.documents, classes), ids.slice(start, count)
        if table is None:
            return None
        part = table.filter(pc.is_in(table["doc_id"], value_set=wanted))
        if not part["doc_id"].combine_chunks().equals(wanted):
            return None
        parts.append(part)
        start += count
    whole = pa.concat_tables(parts)
    live = store.live_index(entry, ["doc_id"])["doc_id"].combine_chunks()
    return whole if entry.deletions is None else whole.filter(pc.is_in(whole["doc_id"], value_set=live))


def _copied_documents(store: Catalogue, sources: Sequence[SourceFile], documents: int) -> list[int] | None:
    """How many documents were copied from each source; None where it cannot be found out any more.

    A file that was scored under the deletion vector of the compaction has as many rows as were copied. A file that was
    scored earlier has more rows. For a single such source, the number follows from the others. For several, the record
    and the vector of each source tell it, unless a vacuum has removed them.
    """
    exact = [source.documents if source.scored_under == source.deletions else None for source in sources]
    unknown = [number for number, count in enumerate(exact) if count is None]
    if len(unknown) == 1:
        exact[unknown[0]] = documents - sum(count for count in exact if count is not None)
    elif unknown:
        for number in unknown:
            record = _readable_record(store, sources[number].segment)
            vector = sources[number].deletions
            if record is None or (vector is not None and store.objects.size(f"deletions/{vector}") is None):
                return None
            exact[number] = record.documents - len(read_deletions(store.objects, vector))
    return [count for count in exact if count is not None]
