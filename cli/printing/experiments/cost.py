"""What `encore cost` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from encore.cli.printing.tables import print_json, print_pairs, print_table
from encore.experiments.cost import (
    as_the_paper_rounds,
    first_cheaper,
    printed_flops,
    round_up,
)
from encore.featurestore.common import counted, human_bytes

if TYPE_CHECKING:
    from encore.experiments.cost import (
        ComputeCost,
        CostReport,
        EncoderShape,
        PricedCorpus,
    )

GIGA = 10**9


def print_cost(report: CostReport, plot: str | None, *, as_json: bool) -> None:
    """Print bytes, FLOPs and break-even tasks; also money if a number of documents was given."""
    if as_json:
        print_json(report.to_dict() | {"plot": plot})
        return
    _print_bytes(report)
    _print_flops(report)
    _print_break_even(report)
    if report.money is not None:
        _print_money(report, report.money)
    if plot is not None:
        print_pairs([("picture", plot)])


def _print_bytes(report: CostReport) -> None:
    shape, rows = report.shape, report.storage
    stack = rows[-1].layers
    print_pairs(
        [
            ("encoder", f"{shape.name}, {shape.num_layers} layers of {shape.hidden_size:,}"),
            ("stored", f"last, layer:k and mean:m alike; {stack} keeps every layer; cls and mean alike"),
        ]
    )
    print_table(
        f"Bytes of a text of {report.request.tokens:,} tokens, exactly and as the paper rounds",
        ["quantizer", "cls, mean", "tokens", f"{stack}, cls", f"{stack}, tokens"],
        [(kind, *(_both(row.document_bytes[kind]) for row in rows)) for kind in rows[0].document_bytes],
    )


def _both(count: int) -> str:
    return f"{count:,} {as_the_paper_rounds(count):>4}"


def _print_flops(report: CostReport) -> None:
    tasks = report.request.tasks
    rows = []
    for line in report.methods.lines:
        total = line.at(tasks)
        row = [line.name, _giga(line.intercept), _giga(line.slope), _giga(total)]
        printed = printed_flops(line.key)
        if report.is_the_papers:
            row.append("" if printed is None else f"{printed} ({total / GIGA / printed - 1:+.1%})")
        rows.append(row)
    columns = ["", "once", "each task", counted(tasks, "task"), *(["paper prints"] if report.is_the_papers else [])]
    print_table(f"G FLOPs of a text of {report.request.tokens:,} tokens, multiply and add counted apart", columns, rows)
    notes = [("not counted", f"a task's classifier: {_giga(report.classifier)} G FLOPs")]
    if report.is_the_papers:
        notes.append(("misprint", "table 3(d) prints 31 for MHA, which is 34 in (b) and (c)"))
    print_pairs(notes)


def _giga(flops: int) -> str:
    """G FLOPs with at least four digits."""
    value = flops / GIGA
    return "0" if flops == 0 else f"{value:,.1f}" if value >= 100 else f"{value:.4g}"


def _print_break_even(report: CostReport) -> None:
    methods = report.methods
    others = (methods.fine_tuned, methods.distilled)
    print_table(
        "Break-even: tasks above which one frozen encoder beats one per task, in FLOPs",
        ["", report.shape.name, report.distilled.name],
        [(line.name, *(_break_even(line.break_even(other)) for other in others)) for line in methods.frozen],
    )


def _break_even(tasks: float | None) -> str:
    return "never" if tasks is None else round_up(tasks)


def _first(tasks: float | None) -> str:
    if tasks is None:
        return "never"
    first = first_cheaper(tasks)
    return f"{first:,} task{'s' if first > 1 else ''}"


def _print_money(report: CostReport, money: PricedCorpus) -> None:
    corpus, prices, compared = money.corpus, money.prices, money.comparison
    methods, months = report.methods, f"{prices.months:g} months"
    names = (report.shape.name, report.distilled.name)
    print_table(
        f"Device time for {counted(corpus.documents, 'document')} of {corpus.tokens:,} tokens",
        ["", "device-hours", "cost"],
        [
            ("encode once", *_work(compared.encode_once)),
            (f"heads of {counted(corpus.tasks, 'task')}, from the store", *_work(compared.heads)),
            (methods.fine_tuned.name, *_work(compared.fine_tuned)),
            (methods.distilled.name, *_work(compared.distilled)),
        ],
    )
    print_table(
        f"Encode once, keep {money.layers} / {money.positions}, {counted(corpus.tasks, 'task')}; "
        "cheaper than one a task from",
        ["quantizer", "store", months, "in all", *names],
        [
            (
                kind,
                human_bytes(cost.corpus_bytes),
                _price(cost.storage_cost),
                _price(cost.total_cost),
                _first(cost.break_even),
                _first(cost.break_even_distilled),
            )
            for kind, cost in compared.stored.items()
        ],
    )
    print_pairs(
        [
            *_reasons(report.shape, money),
            *_assumptions(report, money),
            ("not counted", "index and metadata of the store, lossless codecs, requests,"),
            ("", "reading, tokenizing, training"),
        ]
    )


def _reasons(shape: EncoderShape, money: PricedCorpus) -> Iterator[tuple[str, str]]:
    """Why storing features pays from this number of tasks, and for which encoders it pays earlier."""
    tasks, months = money.corpus.tasks, f"{money.prices.months:g} months"
    kind = money.comparison.cheapest
    cost = money.comparison.stored[kind]
    if cost.keeping_per_encoding is None:
        return
    times = f"{cost.keeping_per_encoding:,.3g} times"
    yield "why", f"keeping {kind} for {months} costs {times} encoding"
    yield "", "once, which is what each task after the first saves. Bytes grow"
    yield "", "with the width of an encoder, FLOPs with layers × width²; fewer"
    yield "", "--months keep less, and so does --positions mean"
    if cost.size_that_pays is not None:
        yield "", f"with {counted(tasks, 'task')} {kind} pays from layers × width of {cost.size_that_pays:,.0f} on;"
        yield "", f"{shape.name} has {shape.size:,}"


def _assumptions(report: CostReport, money: PricedCorpus) -> Iterator[tuple[str, str]]:
    """The prices: the given ones, and the source of the others."""
    names = {
        "device_hour": "device-hour",
        "device_tflops": "TFLOP/s",
        "utilization": "reached",
        "gb_month": "GB and month",
        "months": "months",
    }
    speed = money.corpus.documents / (money.comparison.encode_once.hours * 3600)
    for name, label in names.items():
        yield label, report.assumed.get(name, f"{getattr(money.prices, name):g}, as given")
        if name == "utilization":
            yield "", f"it stands for {round(speed, -2):,.0f} documents a second here; at half of it"
            yield "", "keeping pays from about half the tasks"


def _work(work: ComputeCost) -> tuple[str, str]:
    return f"{work.hours:,.2f}" if work.hours >= 1 else f"{work.hours:.3g}", _price(work.cost)


def _price(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"
