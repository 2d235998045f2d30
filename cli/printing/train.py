"""What `encore train` prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from encore.cli.printing.classes import print_classes
from encore.cli.printing.evaluate import figures, remarks
from encore.cli.printing.tables import print_json, print_pairs, remark
from encore.featurestore.common import counted
from encore.heads.labels import named
from encore.heads.model import kind_of
from encore.tablefiles.names import shown_name

if TYPE_CHECKING:
    from encore.heads import Epoch, Evaluation
    from encore.heads.training import LabelCounts, StoreTraining

POINT = ("pooling", "learning_rate", "batch_size", "seed")
"""The settings in which the heads of a grid differ."""

RARE = 10
"""A class is called rare if it has fewer documents than an equal share divided by this."""

EPOCH_LINES = 10
"""About this many lines are printed for the epochs of a head; the first epoch always gets one."""


def print_epoch(epoch: Epoch) -> None:
    """Print a line on standard error for an ended epoch; with many epochs, only for some of them."""
    done, before = (number * EPOCH_LINES // epoch.epochs for number in (epoch.number, epoch.number - 1))
    if epoch.number > 1 and done == before:
        return
    dev = "" if epoch.dev_accuracy is None else f", dev accuracy {epoch.dev_accuracy:.4f}"
    point = _point(asdict(epoch))
    remark(f"epoch {epoch.number}/{epoch.epochs} ({point}): loss {epoch.loss:.4f}{dev}, {epoch.seconds:.1f} s")


def print_training(result: StoreTraining, out: str, *, as_json: bool) -> None:
    """Print the head, the use of the labels, and its accuracy."""
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
                "still_rising": head.training["still_rising"],
                "points": list(_best_of_points(head.training["history"])),
                "seconds": head.training["seconds"],
                "by_class": _by_class(result),
                "evaluation": None if head.evaluation is None else head.evaluation.to_dict(),
            }
        )
        return
    lines: list[tuple[str, object]] = [
        ("head", out),
        ("task", f"{head.task}: {len(head.classes)} classes"),
        ("pooling", head.model.pooling.label),
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
        lines += _figures(head.evaluation)
        if best["epochs"] > 1:
            lines.append(("", "the best epoch by dev accuracy: it flatters a little where dev is small"))
        if head.training["still_rising"]:
            lines.append(("", f"dev accuracy was still rising: try more epochs, --epochs {2 * best['epochs']}"))
        lines += remarks(head.evaluation)
    rare = _rare(result)
    if rare:
        lines.append(("rare", f"{named(pa.array(rare))}: accuracy hardly shows it; look at recall and macro f1"))
    lines.append(("took", f"{head.training['seconds']:.1f} s"))
    print_pairs(lines)
    print_classes(head.evaluation, head.classes, result.class_documents)


def _best_of_points(history: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The best epoch of every point of the grid, the first of equals; without dev, the last epoch."""
    best: dict[tuple[object, ...], Mapping[str, Any]] = {}
    for epoch in history:
        point = tuple(epoch[name] for name in POINT)
        other = best.get(point)
        if other is None or epoch["dev_accuracy"] is None or epoch["dev_accuracy"] > other["dev_accuracy"]:
            best[point] = epoch
    return list(best.values())


def _point(epoch: Mapping[str, Any]) -> str:
    return f"{epoch['pooling']}, lr {epoch['learning_rate']:g}, batch {epoch['batch_size']}, seed {epoch['seed']}"


def _figures(evaluation: Evaluation) -> list[tuple[str, object]]:
    """Lines with the figures on dev."""
    lines: list[tuple[str, object]] = []
    for name, value, interval in figures(evaluation):
        beside = f", {counted(evaluation.documents, 'document')}; majority class {evaluation.majority:.4f}"
        more = beside if name == "accuracy" else ""
        lines.append((f"dev {name}", f"{value} (95 % interval {interval}{more})"))
    return lines


def _by_class(result: StoreTraining) -> dict[str, list[Any]]:
    """By class, in the order of the classes: training documents, dev documents, and recall."""
    found: dict[str, list[Any]] = {"trained_on": list(result.class_documents)}
    if result.head.evaluation is not None:
        counts = result.head.evaluation.counts
        found["measured_on"] = counts.truth.tolist()
        found["recall"] = [
            right / documents if documents else None
            for right, documents in zip(counts.right.tolist(), counts.truth.tolist(), strict=True)
        ]
    return found


def _rare(result: StoreTraining) -> list[str]:
    """Classes with less than a tenth of an equal share of the training documents."""
    limit = sum(result.class_documents) / len(result.class_documents) / RARE
    return [
        f"{shown_name(name)} ({count:,})"
        for name, count in zip(result.head.classes, result.class_documents, strict=True)
        if count < limit
    ]


def _remarks(name: str, counts: LabelCounts) -> Iterable[tuple[str, object]]:
    if counts.not_stored:
        yield name, f"{counted(counts.not_stored, 'label')} without a stored document: {counts.examples}"
    if counts.repeated:
        yield name, f"{counted(counts.repeated, 'row')} repeated, with the same label"
    if counts.blank:
        yield name, f"{counted(counts.blank, 'row')} without an id or a label"
