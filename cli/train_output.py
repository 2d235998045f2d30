"""What `encore train` prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from cli.output import error_console, print_json, print_pairs
from heads import Epoch, Evaluation
from heads.pooling import kind_of
from heads.store_training import LabelCounts, StoreTraining

POINT = ("pooling", "learning_rate", "batch_size", "seed")
"""What tells the heads of a grid apart."""

POOLING_WORDS = {
    "attention": "attention",
    "pair": "attention over each text of a pair",
    "cls": "the first position",
    "mean": "the mean of all positions",
}


def print_epoch(epoch: Epoch) -> None:
    """One line on standard error."""
    dev = "" if epoch.dev_accuracy is None else f", dev accuracy {epoch.dev_accuracy:.4f}"
    error_console().print(
        f"epoch {epoch.number}/{epoch.epochs} ({_point(asdict(epoch))}): "
        f"loss {epoch.loss:.4f}{dev}, {epoch.seconds:.1f} s",
        markup=False,
    )


def print_training(result: StoreTraining, out: str, *, as_json: bool) -> None:
    """The head, what became of the labels, and how good it is."""
    head, best = result.head, result.head.training["best"]
    if as_json:
        print_json(
            {
                "head": out,
                "task": head.task,
                "classes": list(head.classes),
                "pooling": kind_of(head.model.pooling),
                "digest": head.digest,
                "snapshot": head.snapshot,
                "labels": vars(result.train),
                "dev_labels": None if result.dev is None else vars(result.dev),
                "best": best,
                "points": list(_best_of_points(head.training["history"])),
                "seconds": head.training["seconds"],
                "evaluation": None if head.evaluation is None else head.evaluation.to_dict(),
            }
        )
        return
    lines: list[tuple[str, object]] = [
        ("head", out),
        ("task", f"{head.task}: {len(head.classes)} classes"),
        ("pooling", POOLING_WORDS[kind_of(head.model.pooling)]),
        ("trained on", f"{head.training['documents']:,} documents of snapshot {head.snapshot}"),
        *_remarks("labels", result.train),
        *([] if result.dev is None else _remarks("dev labels", result.dev)),
    ]
    points = _best_of_points(head.training["history"])
    if len(points) > 1:
        names = ["tried", *[""] * (len(points) - 1)]
        lines += [
            (name, f"{_point(epoch)}: dev accuracy {epoch['dev_accuracy']:.4f} at epoch {epoch['number']}")
            for name, epoch in zip(names, points, strict=True)
        ]
    lines.append(("kept", f"epoch {best['number']} of {best['epochs']}, {_point(best)}"))
    if head.evaluation is not None:
        lines.append(("dev accuracy", _accuracy(head.evaluation)))
        if best["epochs"] > 1:
            lines.append(("", "the best epoch by dev accuracy: it flatters a little where dev is small"))
    lines.append(("took", f"{head.training['seconds']:.1f} s"))
    print_pairs(lines)


def _best_of_points(history: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first of the best epochs of every point of the grid; without dev the last one."""
    best: dict[tuple[object, ...], Mapping[str, Any]] = {}
    for epoch in history:
        point = tuple(epoch[name] for name in POINT)
        other = best.get(point)
        if other is None or epoch["dev_accuracy"] is None or epoch["dev_accuracy"] > other["dev_accuracy"]:
            best[point] = epoch
    return list(best.values())


def _point(epoch: Mapping[str, Any]) -> str:
    return f"{epoch['pooling']}, lr {epoch['learning_rate']:g}, batch {epoch['batch_size']}, seed {epoch['seed']}"


def _accuracy(evaluation: Evaluation) -> str:
    low, high = evaluation.intervals["accuracy"]
    return (
        f"{evaluation.accuracy:.4f} (95 % interval {low:.4f} to {high:.4f}, {evaluation.documents:,} documents; "
        f"majority class {evaluation.majority:.4f})"
    )


def _remarks(name: str, counts: LabelCounts) -> Iterable[tuple[str, object]]:
    if counts.not_stored:
        yield name, f"{counts.not_stored:,} are for documents that are not stored: {counts.examples}"
    if counts.repeated:
        yield name, f"{counts.repeated:,} rows say the same again"
    if counts.blank:
        yield name, f"{counts.blank:,} rows have no id or no label"
