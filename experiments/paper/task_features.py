"""One task on the frozen features of one encoder. They are encoded once, into a store that is removed at the end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from encore.experiments.bench import (
    CellStore,
    FeatureSetting,
    Say,
    TaskBench,
    TaskData,
    TaskExamples,
    calibrated,
    richest,
)
from encore.experiments.paper.request import Experiment
from encore.featurestore import Catalogue, FeatureSpec, JobError, parse_quantizer
from encore.featurestore.common import counted
from encore.featurestore.derivation import Derivation
from encore.heads import Evaluation
from encore.heads.labels import Split
from encore.heads.model import kind_of
from encore.pipelines.corpus import CorpusColumns
from encore.pipelines.encoding import EncodeRequest, encode
from encore.pipelines.progress import ProgressDisplay


@dataclass(frozen=True, eq=False)
class FrozenTask:
    """A task, and the encoder whose features it is measured on.

    Attributes:
        experiment: sizes and places.
        cells: the finished ones of the experiment by whose name the task is measured.
        data: the documents.
        encoder: what `load_encoder` takes.
        label: name of the encoder in folders and results.
        say: told what is done.
        display: shows the progress of jobs.
    """

    experiment: Experiment
    cells: CellStore
    data: TaskData
    encoder: str
    label: str
    say: Say
    display: ProgressDisplay

    def measure(self, settings: Sequence[FeatureSetting]) -> None:
        """Train and measure a head for every setting and seed that has no cell yet.

        The rich store is made only if a cell is missing, and is removed when no cell is missing. After an interruption
        the next run uses the store that is there.
        """
        missing = self.missing(settings)
        if not missing:
            return
        rich = self._rich(tuple(missing))
        (train, lost), (dev, lost_dev) = (
            labels.partition(rich.contains(labels.doc_ids)) for labels in (self.data.train.labels, self.data.dev.labels)
        )
        bench = TaskBench(rich, train, dev, Split.given(train, dev).classes)
        not_stored, tokens = len(lost) + len(lost_dev), rich.manifest.counts["tokens"] / len(rich)
        for setting, seeds in missing.items():
            examples = bench.derive(_spec_of(rich, setting))
            for seed in seeds:
                found = {**self._train(examples, setting, seed, tokens), "not_stored": not_stored}
                self.cells.put(self._key(setting, seed), found)
                self.say(
                    f"{self.data.task.name}, {self.label}, {setting.name}, seed {seed}: "
                    f"{found['accuracy']:.4f} ({found['seconds']:.1f} s)"
                )
        shutil.rmtree(self._folder)

    def missing(self, settings: Sequence[FeatureSetting]) -> dict[FeatureSetting, list[int]]:
        """Setting → seeds without a cell, for the settings that have any."""
        seeds = range(self.experiment.request.seeds)
        left = {s: [seed for seed in seeds if self.cells.get(self._key(s, seed)) is None] for s in settings}
        return {setting: found for setting, found in left.items() if found}

    @property
    def _folder(self) -> Path:
        # Each experiment has its own folder: another one may measure the same task, and removes its stores at the end.
        return self.experiment.request.out / "stores" / self.cells.folder.name / self.label / self.data.task.name

    def _key(self, setting: FeatureSetting, seed: int) -> dict[str, Any]:
        task = self.data.task.name
        return {"task": task, "data": self.data.digest, "encoder": self.label, "setting": setting.name, "seed": seed}

    def _rich(self, settings: tuple[FeatureSetting, ...]) -> Catalogue:
        """The store that all settings are derived from."""
        layers, positions = richest(settings, self.experiment.encoder.num_layers)
        corpus = self._folder / "corpus.parquet"
        corpus.parent.mkdir(parents=True, exist_ok=True)
        documents = pa.concat_tables([self.data.train.table, self.data.dev.table])
        pq.write_table(documents.drop_columns(["label"]), corpus)
        count = counted(len(documents), "document")
        self.say(f"{self.data.task.name}: encoding {count} with {self.label}, {layers} {positions}")
        rich = FeatureSetting("rich", "", layers, positions, "")
        target = self._folder / f"{layers.replace(':', '')}-{positions}-{rich.quantizer}"
        return encode_documents(self.experiment, self.data, corpus, target, self.encoder, rich, self.display)

    def _train(self, examples: TaskExamples, setting: FeatureSetting, seed: int, tokens: float) -> dict[str, Any]:
        """Train and measure one cell, whose documents have ``tokens`` tokens on average."""
        started = time.monotonic()
        trained = examples.train_head(setting.train_settings(self.experiment.request.epochs, seed))
        spec = examples.train.spec
        return {
            **accuracy_of(trained.evaluation, len(examples.train)),
            "group": self.data.task.group,
            "layers": setting.layers,
            "positions": setting.positions,
            "pooling": kind_of(trained.model.pooling),
            "quantizer": spec.quantizer.request,
            "layer_mix": setting.layer_mix,
            "queries": setting.queries,
            "tokens_per_document": tokens,
            "bytes_per_document": spec.row_bytes * (tokens if setting.positions == "tokens" else 1),
            "best_epoch": trained.best.number,
            "epochs": trained.best.epochs,
            "fingerprint": spec.fingerprint,
            "seconds": round(time.monotonic() - started, 3),
        }


def encode_documents(
    experiment: Experiment,
    data: TaskData,
    corpus: Path,
    target: Path,
    encoder: str,
    setting: FeatureSetting,
    display: ProgressDisplay,
) -> Catalogue:
    """A corpus of one task's documents as a store; what an earlier run has encoded is kept.

    Raises:
        JobError: the encoding did not finish.
    """
    request = experiment.request
    report = encode(
        EncodeRequest(
            (str(corpus),),
            str(target),
            encoder=encoder,
            layers=setting.layers,
            positions=setting.positions,
            quantizer=setting.quantizer,
            max_length=experiment.max_length,
            device=request.device,
            dtype=request.dtype,
            columns=CorpusColumns(pair=None if data.task.pair_column is None else "text_pair"),
            # The store is read once and removed: compressing it would cost more than it saves.
            codec="none",
        ),
        display=display,
    )
    if report.exit_code:
        reasons = report.document["dead_letters"]["reasons"]
        raise JobError(
            f"encode into {target} did not finish ({reasons or 'units failed'}); run the experiment again to resume"
        )
    return Catalogue.open(str(target))


def accuracy_of(evaluation: Evaluation | None, train_documents: int) -> Mapping[str, Any]:
    """The figures of a cell that every experiment has."""
    if evaluation is None:
        raise ValueError("a cell is measured on dev documents")
    low, high = evaluation.accuracy_interval
    return {
        "accuracy": evaluation.accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "macro_f1": evaluation.macro_f1,
        "mcc": evaluation.mcc,
        "majority": evaluation.majority,
        "train_documents": train_documents,
        "dev_documents": evaluation.documents,
        "confusion": evaluation.confusion.to_json(),
    }


def _spec_of(rich: Catalogue, setting: FeatureSetting) -> FeatureSpec:
    """The calibrated spec of a setting's features."""
    derivation = Derivation.build(rich.spec, setting.layers, setting.positions, parse_quantizer(setting.quantizer))
    target = derivation.target
    return target if target.quantizer.calibrated else target.with_quantizer(calibrated(rich, derivation))
