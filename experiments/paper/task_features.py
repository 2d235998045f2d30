"""One task on the frozen features of one encoder: encoded once, derived for every setting, gone when measured."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from encore.experiments.bench import CellStore, FeatureSetting, TaskData, richest
from encore.experiments.paper.request import Experiment
from encore.featurestore import FeatureBlock, JobError, Store
from encore.featurestore.common import counted
from encore.heads import Evaluation, Labels, train_head
from encore.heads.labels import Split
from encore.heads.model import kind_of
from encore.pipelines.corpus import CorpusColumns
from encore.pipelines.encoding import EncodeRequest, encode
from encore.pipelines.ingestion import DeriveRequest, derive
from encore.pipelines.progress import ProgressDisplay, Silent
from encore.pipelines.runs import JobReport

Say = Callable[[str], None]
"""Told what is about to be done, and what has been found."""


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

        The rich store is made only where a cell is missing, and is removed when none is. What an interruption leaves is
        used by the next run.
        """
        missing = self.missing(settings)
        if not missing:
            return
        rich = self._rich(tuple(missing))
        for setting, left in missing.items():
            store = self._derived(rich, setting)
            examples = _Gathered.of(store, self.data)
            for seed in left:
                found = self._train(store, examples, setting, seed)
                self.cells.put(self._key(setting, seed), found)
                self.say(
                    f"{self.data.task.name}, {self.label}, {setting.name}, seed {seed}: "
                    f"{found['accuracy']:.4f} ({found['seconds']:.1f} s)"
                )
            if store.uri != rich.uri:
                shutil.rmtree(self._folder / _folder_name(setting))
        shutil.rmtree(self._folder)

    def missing(self, settings: Sequence[FeatureSetting]) -> dict[FeatureSetting, list[int]]:
        """Setting → seeds without a cell, for the settings that have any."""
        seeds = range(self.experiment.request.seeds)
        left = {s: [seed for seed in seeds if self.cells.get(self._key(s, seed)) is None] for s in settings}
        return {setting: found for setting, found in left.items() if found}

    @property
    def _folder(self) -> Path:
        # An experiment's own: another one may be measuring the same task, and removes its stores when it is done.
        return self.experiment.request.out / "stores" / self.cells.folder.name / self.label / self.data.task.name

    def _key(self, setting: FeatureSetting, seed: int) -> dict[str, Any]:
        task = self.data.task.name
        return {"task": task, "data": self.data.digest, "encoder": self.label, "setting": setting.name, "seed": seed}

    def _rich(self, settings: tuple[FeatureSetting, ...]) -> Store:
        """The store that all settings are derived from."""
        layers, positions = richest(settings, self.experiment.encoder.num_layers)
        corpus = self._folder / "corpus.parquet"
        corpus.parent.mkdir(parents=True, exist_ok=True)
        documents = pa.concat_tables([self.data.train.table, self.data.dev.table])
        pq.write_table(documents.drop_columns(["label"]), corpus)
        count = counted(len(documents), "document")
        self.say(f"{self.data.task.name}: encoding {count} with {self.label}, {layers} {positions}")
        rich = FeatureSetting("rich", "", layers, positions, "")
        target = self._folder / _folder_name(rich)
        return encode_documents(self.experiment, self.data, corpus, target, self.encoder, rich, self.display)

    def _derived(self, rich: Store, setting: FeatureSetting) -> Store:
        held = (str(rich.spec.layers), rich.spec.positions, rich.spec.quantizer.request)
        if held == (setting.layers, setting.positions, setting.quantizer):
            return rich
        uri = str(self._folder / _folder_name(setting))
        report = derive(
            DeriveRequest(rich.uri, uri, setting.layers, setting.positions, setting.quantizer, codec="none"),
            display=Silent(),
        )
        _require_done(report, "derive", uri)
        return Store.open(uri)

    def _train(self, store: Store, examples: _Gathered, setting: FeatureSetting, seed: int) -> dict[str, Any]:
        started = time.monotonic()
        split = examples.split
        trained = train_head(
            examples.train,
            split.train.codes(split.classes),
            store.spec,
            split.classes,
            dev=examples.dev,
            dev_codes=examples.dev_labels.codes(split.classes),
            settings=setting.train_settings(self.experiment.request.epochs, seed),
        )
        tokens = store.manifest.counts["tokens"] / len(store)
        return {
            **accuracy_of(trained.evaluation, len(split.train)),
            "not_stored": examples.missing,
            "group": self.data.task.group,
            "layers": setting.layers,
            "positions": setting.positions,
            "pooling": kind_of(trained.model.pooling),
            "quantizer": store.spec.quantizer.request,
            "layer_mix": setting.layer_mix,
            "queries": setting.queries,
            "tokens_per_document": tokens,
            "bytes_per_document": store.spec.row_bytes * (tokens if setting.positions == "tokens" else 1),
            "best_epoch": trained.best.number,
            "epochs": trained.best.epochs,
            "fingerprint": store.spec.fingerprint,
            "seconds": round(time.monotonic() - started, 3),
        }


@dataclass(frozen=True, eq=False)
class _Gathered:
    """The stored documents of a task, gathered once for all seeds."""

    split: Split
    train: FeatureBlock
    dev: FeatureBlock
    dev_labels: Labels
    missing: int

    @classmethod
    def of(cls, store: Store, data: TaskData) -> _Gathered:
        parts = [labels.partition(store.contains(labels.doc_ids)) for labels in (data.train.labels, data.dev.labels)]
        (train, _), (dev, _) = parts
        split = Split.given(train, dev)
        missing = sum(len(left) for _, left in parts)
        return cls(split, store.gather(train.doc_ids), store.gather(dev.doc_ids), dev, missing)


def encode_documents(
    experiment: Experiment,
    data: TaskData,
    corpus: Path,
    target: Path,
    encoder: str,
    setting: FeatureSetting,
    display: ProgressDisplay,
) -> Store:
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
            # It is read once and removed: compressing it would cost more than it saves.
            codec="none",
        ),
        display=display,
    )
    _require_done(report, "encode", str(target))
    return Store.open(str(target))


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


def _folder_name(setting: FeatureSetting) -> str:
    words = (setting.layers, setting.positions, setting.quantizer)
    return "-".join(word.replace(":", "") for word in words)


def _require_done(report: JobReport, job: str, uri: str) -> None:
    if report.exit_code:
        reasons = report.document["dead_letters"]["reasons"]
        raise JobError(
            f"{job} into {uri} did not finish ({reasons or 'units failed'}); run the experiment again to resume"
        )
