"""The results of an experiment so far: its cells, and the files that show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from encore.experiments.bench import CellStore, FeatureSetting, TaskRegistry, half_width
from encore.experiments.cost import EncoderShape, encoder_shape, folded_attention_flops, pair_attention_flops
from encore.experiments.paper.request import Experiment
from encore.experiments.paper.tables import (
    MISSING,
    ResultRow,
    cell_table,
    group_table,
    markdown,
    result_rows,
    task_table,
)
from encore.featurestore import UsageError
from encore.featurestore.storage import whole_file


@dataclass(frozen=True, eq=False)
class Outcome:
    """Rows of an experiment, with its files written.

    Attributes:
        name: of the experiment.
        rows: setting → its row.
        cells: every finished cell of the tasks that were asked for.
        registry: those tasks.
        paired: the setting that the others are compared with, seed by seed; None where nothing is compared.
        flops: setting → G FLOPs of all tasks on one document of mean length, attention folded; None where the encoder
            does not say how large its layers are.
        parquet, report: the files.
    """

    name: str
    rows: Mapping[str, ResultRow]
    cells: Sequence[Mapping[str, Any]]
    registry: TaskRegistry
    paired: str | None
    flops: Mapping[str, float | None]
    parquet: Path
    report: Path

    @classmethod
    def of(
        cls,
        name: str,
        experiment: Experiment,
        cells: Sequence[CellStore],
        settings: Sequence[FeatureSetting],
        paired: str | None = None,
        *,
        per_task: bool = False,
    ) -> Outcome:
        """Gather the cells and write ``OUT/<name>.parquet`` and ``OUT/<name>.md``.

        Args:
            name: of the experiment.
            experiment: sizes and places.
            cells: where the finished ones are.
            settings: the rows, in order.
            paired: the setting that the others are compared with.
            per_task: whether every task runs an encoder of its own.
        """
        registry = experiment.request.measured
        names = {setting.name for setting in settings}
        finished = [cell for store in cells for cell in store.rows()]
        found = [cell for cell in finished if cell["task"] in registry.names and cell["setting"] in names]
        shape = _shape(experiment)
        rows = result_rows(found, {setting.name: setting.title for setting in settings}, registry)
        out = experiment.request.out
        outcome = cls(
            name=name,
            rows=rows,
            cells=found,
            registry=registry,
            paired=paired,
            flops={
                setting.name: None
                if shape is None
                else _flops(shape, setting, rows[setting.name], found, per_task=per_task)
                for setting in settings
                if setting.name in rows
            },
            parquet=out / f"{name}.parquet",
            report=out / f"{name}.md",
        )
        with whole_file(outcome.parquet) as file:
            pq.write_table(cell_table(found), file)
        with whole_file(outcome.report) as file:
            file.write(outcome.markdown.encode())
        return outcome

    @property
    def markdown(self) -> str:
        """The tables of the report."""
        rows = list(self.rows.values())
        parts = [
            group_table(rows, self.registry, [self.flops[name] for name in self.rows]),
            task_table(rows, self.registry),
        ]
        if self.paired is not None and self.paired in self.rows:
            parts.append(difference_table(self.rows, self.paired))
        return "\n".join(parts)


def _shape(experiment: Experiment) -> EncoderShape | None:
    """The encoder's sizes; None where its settings do not say them."""
    try:
        return encoder_shape(experiment.request.encoder)
    except UsageError:
        # The encoder can still run: there are accuracies to show, only without FLOPs.
        return None


def _flops(
    shape: EncoderShape,
    setting: FeatureSetting,
    row: ResultRow,
    cells: Sequence[Mapping[str, Any]],
    *,
    per_task: bool,
) -> float:
    """G FLOPs of all tasks on one document of the row's mean length."""
    tokens = round(row.tokens_per_document)
    if per_task:
        return shape.pass_flops(tokens) * len(row.tasks) / 1e9
    poolings = list({cell["task"]: cell["pooling"] for cell in cells if cell["setting"] == setting.name}.values())
    width, pairs = shape.hidden_size, poolings.count("pair")
    heads = poolings.count("attention") * folded_attention_flops(width, tokens, setting.queries)
    return (shape.pass_flops(tokens) + heads + pairs * pair_attention_flops(width, tokens)) / 1e9


@dataclass(frozen=True)
class Difference:
    """The difference of two settings over the same tasks and seeds, in points of accuracy.

    Attributes:
        mean: over tasks and seeds.
        over_seeds: half its 95 % interval over seeds; None for one seed.
        over_tasks: half its 95 % interval over tasks; None for one task.
        seeds: number of seeds that both have.
    """

    mean: float
    over_seeds: float | None
    over_tasks: float | None
    seeds: int

    @classmethod
    def of(cls, row: ResultRow, reference: ResultRow) -> Difference | None:
        """``row`` − ``reference``; None where they have no seed or task in common."""
        seeds = sorted(set(row.seeds) & set(reference.seeds))
        tasks = [name for name in row.tasks if name in reference.tasks]
        if not seeds or len(tasks) < len(row.tasks):
            return None
        mine, theirs = (np.array([part.by_seed[part.seeds.index(seed)] for seed in seeds]) for part in (row, reference))
        by_task = np.array([row.tasks[name] - reference.tasks[name] for name in tasks])
        points = 100 * (mine - theirs)
        over_tasks = half_width(100 * by_task)
        return cls(float(points.mean()), half_width(points), over_tasks, len(seeds))


def difference_table(rows: Mapping[str, ResultRow], paired: str) -> str:
    """Markdown: what each setting gains or loses against ``paired``, in points, paired by task and seed."""
    body = []
    for name, row in rows.items():
        difference = Difference.of(row, rows[paired])
        if name != paired and difference is not None:
            signed = f"{difference.mean:+.2f}"
            halves = (difference.over_seeds, difference.over_tasks)
            size = MISSING if row.bytes_per_document is None else f"{row.bytes_per_document:,.0f}"
            body.append([row.title, size, signed, *(MISSING if h is None else f"{h:.2f}" for h in halves)])
    head = [f"against {rows[paired].title}", "bytes a document", "points", "± seeds", "± tasks"]
    return markdown(head, body)
