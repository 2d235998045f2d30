"""Cells to tables: Parquet of every cell, and Markdown laid out like the paper's Tables 3 and 5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from encore.experiments.bench import TaskRegistry, half_width, sampling_half_width

MISSING = "–"


@dataclass(frozen=True, eq=False)
class ResultRow:
    """One setting over the tasks: a row of the paper's Table 3 and of its Table 5.

    Attributes:
        title: what the row is called.
        tasks: task → mean accuracy over seeds, of the tasks that have every seed.
        groups: group → mean over its tasks.
        average: mean over the tasks.
        seeds: seeds of every task.
        by_seed: (seeds,) mean over the tasks for each seed.
        over_seeds: half the 95 % interval of the average over seeds; None for one seed.
        over_documents: half its 95 % interval for the dev documents being a sample.
        bytes_per_document: mean over the tasks of the stored payload; None where nothing is stored.
        tokens_per_document: mean over the tasks.
    """

    title: str
    tasks: Mapping[str, float]
    groups: Mapping[str, float]
    average: float
    seeds: tuple[int, ...]
    by_seed: npt.NDArray[np.float64]
    over_seeds: float | None
    over_documents: float
    bytes_per_document: float | None
    tokens_per_document: float

    @classmethod
    def of(cls, title: str, cells: Sequence[Mapping[str, Any]], registry: TaskRegistry) -> ResultRow | None:
        """The row of one setting's cells; None where there are none. Seeds that not every task has are left out."""
        found = {(cell["task"], cell["seed"]): cell for cell in cells}
        tasks = [task for task in registry.tasks if any(name == task.name for name, _ in found)]
        seeds = sorted({seed for _, seed in found})
        whole = tuple(seed for seed in seeds if all((task.name, seed) in found for task in tasks))
        if not tasks or not whole:
            return None
        accuracy = np.array([[found[task.name, seed]["accuracy"] for seed in whole] for task in tasks])
        means = accuracy.mean(axis=1)
        documents = np.array([found[task.name, whole[0]]["dev_documents"] for task in tasks])
        groups = {
            group: float(np.mean([mean for mean, task in zip(means, tasks, strict=True) if task.group == group]))
            for group in registry.groups
            if any(task.group == group for task in tasks)
        }
        return cls(
            title=title,
            tasks={task.name: float(mean) for task, mean in zip(tasks, means, strict=True)},
            groups=groups,
            average=float(means.mean()),
            seeds=whole,
            by_seed=accuracy.mean(axis=0),
            over_seeds=half_width(accuracy.mean(axis=0)),
            over_documents=sampling_half_width(means, documents),
            bytes_per_document=_mean(found[task.name, whole[0]].get("bytes_per_document") for task in tasks),
            tokens_per_document=float(np.mean([found[task.name, whole[0]]["tokens_per_document"] for task in tasks])),
        )


def result_rows(
    cells: Sequence[Mapping[str, Any]], titles: Mapping[str, str], registry: TaskRegistry
) -> dict[str, ResultRow]:
    """Setting → its row, for the settings in ``titles`` that have cells, in that order."""
    rows = {
        name: ResultRow.of(title, [cell for cell in cells if cell["setting"] == name], registry)
        for name, title in titles.items()
    }
    return {name: row for name, row in rows.items() if row is not None}


def cell_table(cells: Iterable[Mapping[str, Any]]) -> pa.Table:
    """One row a cell."""
    listed = [{key: value for key, value in cell.items() if key != "confusion"} for cell in cells]
    return pa.Table.from_pylist(listed)


def group_table(rows: Iterable[ResultRow], registry: TaskRegistry, flops: Sequence[float | None]) -> str:
    """Markdown in the layout of Table 3: G FLOPs, groups of tasks, average.

    Args:
        rows: one a setting.
        registry: gives the groups' order.
        flops: of each row, G FLOPs for all tasks on one document; None where they are not known.
    """
    head = ["model", "G FLOPs", "bytes a document", *registry.groups, "average", "± seeds", "± documents", "seeds"]
    body = [
        [
            row.title,
            MISSING if gigas is None else f"{gigas:.2f}",
            MISSING if row.bytes_per_document is None else f"{row.bytes_per_document:,.0f}",
            *(_percent(row.groups.get(group)) for group in registry.groups),
            _percent(row.average, bold=True),
            MISSING if row.over_seeds is None else f"{100 * row.over_seeds:.2f}",
            f"{100 * row.over_documents:.2f}",
            str(len(row.seeds)),
        ]
        for row, gigas in zip(rows, flops, strict=True)
    ]
    return markdown(head, body)


def task_table(rows: Iterable[ResultRow], registry: TaskRegistry) -> str:
    """Markdown in the layout of Table 5: every task and the average."""
    head = ["model", *(task.title for task in registry.tasks), "avg"]
    body = [
        [row.title, *(_percent(row.tasks.get(name)) for name in registry.names), _percent(row.average, bold=True)]
        for row in rows
    ]
    return markdown(head, body)


def markdown(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A Markdown table, its first column flush left and the others right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _percent(share: float | None, *, bold: bool = False) -> str:
    if share is None:
        return MISSING
    return f"**{100 * share:.1f}**" if bold else f"{100 * share:.1f}"


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
