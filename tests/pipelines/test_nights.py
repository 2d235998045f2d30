"""Forty nights over a corpus folder to which everything happens: no document leaves whose row was not readably gone."""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, rule, run_state_machine_as_test

from encore.featurestore import Catalogue, Change, DataError, UsageError, commit
from encore.pipelines.corpus import CorpusColumns, plan
from encore.pipelines.corpus.pruning import PruneLimit, Pruning
from encore.pipelines.dead_letters import DeadLetterLimit
from encore.tablefiles import list_files
from tests.featurestore.building import change_to, spec_of
from tests.pipelines.corpus.corpora import read_unit
from tests.pipelines.jobs import run_encode

COLUMNS = CorpusColumns()
ENDINGS = ("jsonl", "csv", "parquet")
UNREAD = (".bak", ".zip", ".part")
COUNTS = st.integers(1, 6)
PLACES = st.floats(0, 1, exclude_max=True)


def content(ending: str, rows: list[str]) -> bytes:
    """A file of these ids, in the format of its ending."""
    texts = [f"text of {doc_id}, as it is" for doc_id in rows]
    if ending == "jsonl":
        return b"".join(json.dumps({"doc_id": i, "text": t}).encode() + b"\n" for i, t in zip(rows, texts, strict=True))
    if ending == "csv":
        # A bare last cell: a cut in it leaves a row that looks whole.
        return b"doc_id,text\n" + b"".join(
            f"{i},{t.replace(',', '')}\n".encode() for i, t in zip(rows, texts, strict=True)
        )
    sink = pa.BufferOutputStream()
    table = pa.table({"doc_id": pa.array(rows, pa.string()), "text": pa.array(texts, pa.string())})
    # Without checksums a flipped byte of an id gives another id, which nobody can see.
    pq.write_table(table, sink, write_page_checksum=True)
    return bytes(sink.getvalue())


@dataclass(eq=False)
class CorpusFile:
    """A file as its owner means it, and as it lies there.

    Attributes:
        path: where it lies.
        ending: what it holds, whatever its name is.
        rows: ids that belong in it: they have not left the corpus, however damaged the file is.
        damaged: whether it is other than it should be.
    """

    path: Path
    ending: str
    rows: list[str] = field(default_factory=list)
    damaged: bool = False

    def write(self) -> None:
        self.path.write_bytes(content(self.ending, self.rows))
        self.damaged = False


class Nights(RuleBasedStateMachine):
    """Days on which things happen to a folder, and nights that encode it with ``--prune``."""

    files = Bundle("files")

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(mkdtemp(prefix="encore-nights-"))
        self.folder = self.root / "corpus"
        self.folder.mkdir()
        self.there: list[CorpusFile] = []
        self.numbers = iter(range(10**9))
        self.stored: set[str] = set()
        self.open_store()

    def open_store(self) -> None:
        self.store = Catalogue.create(str(self.root / "store"), spec_of())

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def fresh(self, count: int) -> list[str]:
        return [f"d{next(self.numbers)}" for _ in range(count)]

    @rule(target=files, ending=st.sampled_from(ENDINGS), count=COUNTS)
    def appears(self, ending: str, count: int) -> CorpusFile:
        file = CorpusFile(self.folder / f"part-{next(self.numbers)}.{ending}", ending, self.fresh(count))
        file.write()
        self.there.append(file)
        return file

    @rule(file=files, count=COUNTS)
    def grows_or_comes_back(self, file: CorpusFile, count: int) -> None:
        file.path.unlink(missing_ok=True)
        file.path = self.folder / f"part-{next(self.numbers)}.{file.ending}"
        file.rows += self.fresh(count)
        file.write()

    @rule(file=files)
    def comes_back(self, file: CorpusFile) -> None:
        file.path.unlink(missing_ok=True)
        file.path = file.path.with_name(f"{file.path.name.partition('.')[0]}.{file.ending}")
        file.write()

    @rule(file=files, count=COUNTS)
    def loses_rows(self, file: CorpusFile, count: int) -> None:
        """Its owner takes rows out."""
        if not file.damaged:
            del file.rows[-count:]
            file.write()

    @rule(file=consumes(files))
    def is_removed(self, file: CorpusFile) -> None:
        """Its owner removes it."""
        file.path.unlink()
        self.there.remove(file)

    @rule(file=files)
    def is_renamed(self, file: CorpusFile) -> None:
        name = file.path.name.replace("part-", f"part-{next(self.numbers)}-")
        file.path = file.path.rename(file.path.with_name(name))

    @rule(file=files, ending=st.sampled_from(UNREAD))
    def is_set_aside(self, file: CorpusFile, ending: str) -> None:
        file.path = file.path.rename(file.path.with_name(file.path.name + ending))
        file.damaged = True

    @rule(file=files)
    def is_compressed(self, file: CorpusFile) -> None:
        data = file.path.read_bytes()
        file.path.unlink()
        file.path = file.path.with_name(file.path.name + ".gz")
        file.path.write_bytes(gzip.compress(data))
        file.damaged = True

    @rule(file=files, place=PLACES)
    def is_cut(self, file: CorpusFile, place: float) -> None:
        """Half copied; a cut behind a whole line leaves a file of fewer rows, all of which are readable."""
        data = file.path.read_bytes()
        left = data[: int(place * len(data))]
        file.path.write_bytes(left)
        whole = left.endswith(b"\n") or (file.ending == "jsonl" and left.endswith(b"}"))
        if not file.damaged and whole and file.ending != "parquet":
            header = file.ending == "csv"
            del file.rows[len(left.splitlines()) - header :]
        file.damaged = True

    @rule(file=files, place=PLACES, what=st.sampled_from([b"\xff", b"\xff\xfe\n", b'"']))
    def is_broken(self, file: CorpusFile, place: float, what: bytes) -> None:
        """Some bytes of the file are overwritten, but never so that they make a readable row of another id."""
        data = bytearray(file.path.read_bytes())
        at = int(place * len(data))
        lines = [0, *(position + 1 for position, byte in enumerate(data) if byte == ord("\n"))]
        start = max(line for line in lines if line <= at) if file.ending != "parquet" else at
        spot = at if what[0] == 0xFF else start
        data[spot : spot + len(what)] = what
        file.path.write_bytes(bytes(data))
        file.damaged = True

    @rule(limit=st.sampled_from(["1.0", "0.1", "3"]))
    def night(self, limit: str) -> None:
        try:
            withheld = self.encode(PruneLimit.parse(limit))
        except (UsageError, DataError):
            # The job ended before it changed anything.
            withheld = True
        now = set(Catalogue.open(str(self.root / "store")).documents()["doc_id"].to_pylist())
        meant = {doc_id for file in self.there for doc_id in file.rows}
        assert not (self.stored - now) & meant, "left without being readably gone"
        if not withheld:
            assert now & meant == now, "stays though its row is gone"
        if not any(file.damaged for file in self.there) and self.there:
            assert meant <= now, "was not stored"
            assert limit != "1.0" or now == meant or not meant
        self.stored = now

    def encode(self, limit: PruneLimit) -> bool:
        """What an encode job does, without its encoder; returns whether pruning was withheld."""
        listing = list_files([str(self.folder)])
        corpus = plan(listing.files, COLUMNS, 4)
        if not corpus.documents:
            raise UsageError("no documents")
        read = [read_unit(unit, COLUMNS).documents.table for unit in corpus.units]
        texts = {row["doc_id"]: row["text"] for table in read for row in table.to_pylist()}
        pruning = Pruning.find(self.store, corpus, listing, limit)
        change = change_to(self.store, texts)
        left = {} if pruning.withheld else pruning.left
        dropped = {
            segment: [*change.dropped.get(segment, ()), *left.get(segment, ())] for segment in {*change.dropped, *left}
        }
        self.store = commit(self.store, Change(change.base, "encode", change.added, sorted_positions(dropped)))
        return pruning.withheld


def sorted_positions(dropped: dict[str, list[int]]) -> dict[str, pa.Array]:
    return {segment: pa.array(sorted(set(positions)), pa.int64()).to_numpy() for segment, positions in dropped.items()}


class NightsOfTheJob(Nights):
    """The same through the job itself."""

    def open_store(self) -> None:
        run_encode(self.root / "store", str(self.first()))
        self.stored = {"first"}
        self.there.append(CorpusFile(self.folder / "first.jsonl", "jsonl", ["first"]))

    def first(self) -> Path:
        (self.folder / "first.jsonl").write_bytes(content("jsonl", ["first"]))
        return self.folder

    def encode(self, limit: PruneLimit) -> bool:
        report = run_encode(
            self.root / "store", str(self.folder), prune=True, prune_limit=limit, limit=DeadLetterLimit.parse("1.0")
        )
        damaged, failures = report.document["corpus"]["damaged"], report.document["failures"]
        assert report.exit_code == int(report.document["pruning"]["withheld"] or damaged > 0 or bool(failures))
        return bool(report.document["pruning"]["withheld"])


def test_no_document_leaves_whose_row_was_not_readably_gone() -> None:
    run_state_machine_as_test(Nights, settings=settings(max_examples=25, stateful_step_count=40, deadline=None))


@pytest.mark.soak
def test_no_document_leaves_through_the_job() -> None:
    run_state_machine_as_test(NightsOfTheJob, settings=settings(max_examples=15, stateful_step_count=40, deadline=None))
