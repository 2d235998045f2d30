"""Calibration: what a quantizer measures over a sample before anything is stored.

The sample is the documents with the smallest hashes of their ids: the same on every machine and for every number of
workers. Statistics merge exactly, so it does not matter either how the sample is divided among workers.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference.base import RunInference

from encore.encoders import DocumentBlock, FeatureExtractor
from encore.featurestore import FeatureSpec, Quantizer
from encore.featurestore.quantizers import quantizer_from_dict
from encore.featurestore.storage import Objects
from encore.pipelines.encoding.handler import ExtractorHandler
from encore.pipelines.flow import Interruption
from encore.pipelines.progress import SharedCounts
from encore.pipelines.runs import Heartbeat, RunFolder, RunnerChoice, SignsOfLife, run_to_end


def calibrate_with_encoder(
    spec: FeatureSpec, parts: Sequence[DocumentBlock], encoder: str, device: str, run: RunFolder, runner: RunnerChoice
) -> Quantizer:
    """Run every calibration pass of a quantizer as a Beam job, since the workers have the encoder and its devices.

    Args:
        spec: the spec that was asked for. Its quantizer may need no calibration.
        parts: the sample, in blocks of some `PART_DOCUMENTS`.
        encoder: name of the encoder.
        device: device to run it on.
        run: folder that the result of each pass is written to.
        runner: the Beam runner.
    """
    here = runner.workers is not None
    shared_counts = SharedCounts(here=here, life_sign=None if here else Heartbeat(run.root.uri, run.run_id))
    counts, number = shared_counts.get(), 0
    while spec.quantizer.calibration_pass() is not None:
        result = f"{run.path}/calibration-{number}.json"

        def build(current: FeatureSpec = spec, target: str = result) -> beam.Pipeline:
            pipeline = runner.pipeline()
            handler = StatisticsHandler(encoder, device, current, runner.cores, shared_counts)
            _ = (
                pipeline
                | "Sample" >> beam.Create(list(parts), reshuffle=False)
                | "Spread" >> beam.Reshuffle()
                | "Measure" >> RunInference(handler.with_no_batching())
                | "Merge" >> beam.CombineGlobally(merge_statistics).without_defaults()
                | "Keep" >> beam.ParDo(KeepCalibration(current.quantizer.to_dict(), run.root.uri, target))
            )
            return pipeline

        run_to_end(build, lambda running: _wait(running, runner.signs_of_life(run)), counts)
        spec = spec.with_quantizer(quantizer_from_dict(json.loads(run.root.get(result))))
        number += 1
    return spec.quantizer


class StatisticsHandler(ExtractorHandler):
    """Runs the encoder over a block of the sample, and gives the quantizer's statistics of it."""

    def run_inference(
        self, batch: DocumentBlock, model: FeatureExtractor, inference_args: dict[str, Any] | None = None
    ) -> Iterable[Any]:
        """Statistics of one block."""
        del inference_args
        statistics = model.spec.quantizer.calibration_pass()
        if statistics is None:
            raise ValueError(f"{model.spec.quantizer.request}: nothing left to measure")
        counts = self._shared_counts.get()
        try:
            for values in model.activations(batch):
                counts.check()
                statistics.update(values)
        except Interruption:
            return []
        return [statistics]


def merge_statistics(parts: Iterable[Any]) -> Any:
    """Merge statistics into one object. The parts are not changed, since a runner may use them again."""
    first, *rest = parts
    merged = copy.deepcopy(first)
    for part in rest:
        merged.merge(part)
    return merged


class KeepCalibration(beam.DoFn):
    """Merged statistics → the quantizer after the pass, as a JSON object in the run's folder."""

    def __init__(self, quantizer: dict[str, Any], uri: str, path: str) -> None:
        self._quantizer, self._uri, self._path = quantizer, uri, path

    def process(self, statistics: Any) -> Iterator[str]:
        """Write the calibrated quantizer."""
        calibrated = quantizer_from_dict(self._quantizer).with_calibration(statistics)
        Objects.open(self._uri).put(self._path, json.dumps(calibrated.to_dict()).encode())
        yield self._path


def _wait(running: Callable[[float], bool], signs: SignsOfLife | None) -> None:
    """Wait without a progress bar: a calibration is too short for one."""
    while running(1):
        if signs is not None:
            signs.look()
            signs.require_one()
