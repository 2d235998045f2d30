"""The whole loop on text that every machine has: encode docstrings once, then train, score and evaluate two tasks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from encore.experiments.bench import Say
from encore.experiments.demo.docstrings import write_corpus
from encore.experiments.demo.tasks import DemoLabels, demo_tasks, write_labels
from encore.featurestore import Catalogue, JobError
from encore.featurestore.common import counted
from encore.heads import Evaluation, Head, evaluate_predictions, read_labels
from encore.heads.training import TrainRequest, train_from_store
from encore.pipelines.backfill import BackfillRequest, backfill
from encore.pipelines.encoding import EncodeRequest, encode
from encore.pipelines.predictions import PredictionsFolder, head_name
from encore.pipelines.progress import ProgressDisplay

LAYERS = "mean:6"
QUANTIZER = "sign"
TRAINED = "trained"
"""Folder of the heads. It is not called `heads`: a Python that starts beside it could take it for a package."""


@dataclass(frozen=True)
class DemoResult:
    """The result of the demo.

    Attributes:
        directory: the demo's folder.
        documents: number of stored documents.
        tokens: tokens of all documents.
        stored_bytes: bytes of the store's segments, index and metadata included.
        width: floats in a token vector.
        evaluations: task → evaluation of its head on documents that it has not seen.
        seconds: step → its time.
    """

    directory: Path
    documents: int
    tokens: int
    stored_bytes: int
    width: int
    evaluations: Mapping[str, Evaluation]
    seconds: Mapping[str, float]

    @property
    def bytes_a_document(self) -> dict[str, float]:
        """Number type → mean bytes of a document's token features. ``stored`` is the real size in the store."""
        mean_tokens = self.tokens / self.documents
        return {
            "stored": self.stored_bytes / self.documents,
            "sign": mean_tokens * self.width / 8,
            "float16": mean_tokens * self.width * 2,
            "float32": mean_tokens * self.width * 4,
        }


def run_demo(
    directory: Path, encoder: str, say: Say, display: ProgressDisplay, sources: Path | None = None
) -> DemoResult:
    """Run the whole loop. A second run uses the results of the first.

    Args:
        directory: where corpus, labels, store, heads and predictions go.
        encoder: name of the encoder.
        say: called with a message before each step.
        display: shows the progress of the jobs.
        sources: folder of Python sources whose docstrings are the corpus; the standard library unless given.

    Raises:
        JobError: a job failed.
    """
    clock = _Clock()
    say("Building the corpus from the docstrings of this Python's standard library")
    corpus = write_corpus(directory, sources)
    labels = write_labels(demo_tasks(pq.read_table(corpus)), directory / "labels")
    clock.lap("corpus")

    say(f"Encoding it once with {encoder}: {LAYERS}, every token, {QUANTIZER} (1 bit a dimension)")
    uri = str(directory / "features")
    request = EncodeRequest((str(corpus),), uri, encoder=encoder, layers=LAYERS, quantizer=QUANTIZER, device="auto")
    _require_done(encode(request, display=display).exit_code, "encode")
    store = Catalogue.open(uri)
    clock.lap("encode")

    heads = {}
    for task, files in labels.items():
        say(f"Training a head for the task {task!r}, without the encoder")
        heads[task] = train_from_store(store, TrainRequest(task, read_labels(files.train))).head
        heads[task].save(directory / TRAINED / task)
        clock.lap(f"train {task}")

    say(f"Scoring all {counted(len(store), 'document')} with {counted(len(heads), 'head')} in one pass")
    folders = tuple(str(directory / TRAINED / task) for task in heads)
    out = str(directory / "predictions")
    _require_done(backfill(BackfillRequest(uri, folders, out), display=display).exit_code, "backfill")
    clock.lap("backfill")

    predictions = PredictionsFolder.open(out)
    evaluations = {task: _evaluate(predictions, head, labels[task]) for task, head in heads.items()}
    clock.lap("evaluate")
    counts = store.manifest.counts
    return DemoResult(
        directory=directory,
        documents=len(store),
        tokens=counts["tokens"],
        stored_bytes=counts["stored_bytes"],
        width=store.spec.width,
        evaluations=evaluations,
        seconds=clock.seconds,
    )


class _Clock:
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._mark = time.monotonic()

    def lap(self, step: str) -> None:
        """The step that has just ended."""
        now = time.monotonic()
        self.seconds[step], self._mark = now - self._mark, now


def _evaluate(predictions: PredictionsFolder, head: Head, files: DemoLabels) -> Evaluation:
    """Evaluate the head on documents that neither trained nor chose it."""
    table = predictions.read(head_name(head))
    return evaluate_predictions(read_labels(files.held_out), table["doc_id"], table["label"])


def _require_done(exit_code: int, job: str) -> None:
    if exit_code:
        raise JobError(
            f"demo: {job} did not finish; run the demo again to resume, or remove its folder to start afresh"
        )
