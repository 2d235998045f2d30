"""The recommendation in words, and the commands that carry it out."""

from __future__ import annotations

import shlex

import pyarrow.compute as pc

from encore.experiments.tradeoff.run import TradeoffReport
from encore.experiments.tradeoff.summary import Point, Recommendation
from encore.featurestore import Catalogue
from encore.featurestore.common import counted, human_bytes

RISING_BY_CHANCE = 0.1
"""Share of heads whose dev accuracy may rise to the last without a remark."""


def percent(share: float) -> str:
    """A share as per cent, one digit after the point."""
    return f"{100 * share:.1f} %"


def panel_title(report: TradeoffReport, panel: str) -> str:
    """What stands above a panel of the picture."""
    task = next((task for task in report.tasks if task.name == panel), None)
    if task is None:
        return f"Mean of {len(report.tasks)} tasks"
    return f"{task.name}: {len(task.train):,} training, {len(task.dev):,} dev documents"


def recommendation_text(report: TradeoffReport) -> str:
    """One sentence, or two where no setting satisfies the budgets."""
    found = report.recommendation
    if found.chosen is None:
        nearest = "; ".join(_described(report, point) for point in found.nearest)
        return f"No setting measured is {_budget(found)}. Nearest: {nearest}."
    certain = ""
    if found.max_loss is not None and not found.loss_is_certain:
        certain = " (the interval of the loss reaches past the budget: more dev documents would tell)"
    return f"Store {_described(report, found.chosen)}: the {_rule(found)}{certain}."


def rising_text(report: TradeoffReport) -> str | None:
    """Advice where many heads stopped too early, which can change the order of settings; None where only few did."""
    rising, heads = report.still_rising
    if rising <= RISING_BY_CHANCE * heads:
        return None
    return (
        f"dev accuracy of {rising:,} of {counted(heads, 'head')} was still rising: train them for longer "
        "(more --epochs) before you choose"
    )


def commands(report: TradeoffReport) -> tuple[str, ...]:
    """What makes the recommended store from the measured one and trains the heads; nothing where none is recommended.

    The last one encodes further documents the same way.
    """
    point = report.recommendation.chosen
    if point is None:
        return ()
    request, setting, spec = report.request, point.setting, report.trials.source.spec
    as_stored = (str(spec.layers), spec.positions, spec.quantizer.request)
    asked = ["--layers", setting.layers, "--positions", setting.positions, "--quantizer", setting.quantizer]
    lines, store = [], request.store
    if (setting.layers, setting.positions, setting.quantizer) != as_stored:
        store = "recommended"
        words = ["encore", "derive", "--from", request.store, "--store", store, *asked]
        lines.append([*words, *([] if request.snapshot is None else ["--snapshot", str(request.snapshot)])])
    for files in request.labels:
        words = ["encore", "train", files.train, "--store", store, "--out", f"trained/{files.task}"]
        words += [] if files.dev is None else ["--dev", files.dev]
        words += [] if request.epochs is None else ["--epochs", str(request.epochs)]
        words += ["--queries", str(request.queries)] if request.queries > 1 and setting.positions == "tokens" else []
        words += [] if request.id_column == "doc_id" else ["--id-column", request.id_column]
        words += [] if request.label_column == "label" else ["--label-column", request.label_column]
        lines.append(words)
    source = spec.encoder.source.removeprefix("package:")
    words = ["encore", "encode", "CORPUS", "--store", store, "--encoder", source, *asked]
    words += ["--max-length", str(spec.text.max_length), "--dtype", spec.encoder.compute_dtype]
    words += [] if spec.text.truncation_side == "right" else ["--truncation-side", spec.text.truncation_side]
    words += [] if spec.text.special_tokens else ["--no-special-tokens"]
    words += ["--pair-column", "PAIR"] if _holds_pairs(report.trials.source) else []
    return tuple(shlex.join(line) for line in [*lines, words])


def _holds_pairs(store: Catalogue) -> bool:
    index = store.documents(["n_tokens", "n_first_tokens"])
    return bool(pc.any(pc.less(index["n_first_tokens"], index["n_tokens"])).as_py())


def _described(report: TradeoffReport, point: Point) -> str:
    low, high = point.accuracy_interval
    cost = f"{human_bytes(point.size.bytes_per_document)} a document"
    total = f"{human_bytes(report.projected_bytes(point))} for {report.documents:,} documents"
    accuracy = f"accuracy {percent(point.accuracy.mean)} (95 % interval {percent(low)} to {percent(high)})"
    return f"{point.setting.name} at {cost} ({total}), {accuracy}, {_loss(report.recommendation, point)}"


def _loss(found: Recommendation, point: Point) -> str:
    best = f"{found.best.setting.name}, {human_bytes(found.best.size.bytes_per_document)} a document"
    if point.setting == found.best.setting:
        return "the most accurate setting measured"
    low, high = (100 * end for end in point.loss.interval)
    share = found.best.size.bytes_per_document / point.size.bytes_per_document
    cheaper = f" and {share:.1f} times smaller" if share > 1.05 else ""
    return (
        f"{point.loss.mean * 100:.1f} points (95 % interval {low:.1f} to {high:.1f}) below the most accurate one "
        f"({best}){cheaper}"
    )


def _rule(found: Recommendation) -> str:
    if found.max_loss is None:
        return f"most accurate setting {_budget(found)}"
    return f"smallest setting {_budget(found)}"


def _budget(found: Recommendation) -> str:
    loss = "" if found.max_loss is None else f"within {found.max_loss:g} points of the best"
    size = "" if found.max_bytes is None else f"of at most {human_bytes(found.max_bytes)} a document"
    return " and ".join(part for part in (loss, size) if part)
