"""What `encore multitask` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encore.cli.printing.tables import print_json, print_next, print_pairs, print_table

if TYPE_CHECKING:
    from encore.experiments.training import MultitaskResult

READS = {"cls": "first position (cls)", "mean": "mean"}


def print_multitask(result: MultitaskResult, *, as_json: bool) -> None:
    """Print the encoder and the accuracy of each of its heads."""
    provenance = result.provenance
    if as_json:
        print_json(
            {
                "encoder": str(result.out),
                "weights": result.encoder.weights,
                "resumed_after": result.resumed_after,
                **provenance,
                "evaluations": {task: found.to_dict() for task, found in result.evaluations.items()},
            }
        )
        return
    last = provenance["losses"][-1]["losses"]
    rows = [
        (
            task,
            found["group"],
            found["classes"],
            f"{found['train_documents']:,}",
            f"{found['weight']:.3f}",
            f"{last[task]:.3f}",
            f"{result.evaluations[task].majority:.1%}",
            f"{result.evaluations[task].accuracy:.1%}",
        )
        for task, found in provenance["tasks"].items()
    ]
    print_table(
        "Tasks of the joint training, and their heads on the dev documents",
        ["task", "group", "classes", "trained on", "weight", "last loss", "majority class", "dev accuracy"],
        rows,
    )
    steps, resumed = provenance["settings"]["steps"], result.resumed_after
    print_pairs(
        [
            ("encoder", result.out),
            ("from", provenance["source"]["name"]),
            ("steps", f"{steps:,}" + (f", resumed after {resumed:,}" if resumed else "")),
            ("heads read", f"the last layer's {READS[provenance['settings']['position']]}"),
            ("took", f"{provenance['seconds']:,.0f} s"),
        ]
    )
    task = next(iter(provenance["tasks"]))
    print_next(
        (
            f"encore encode YOUR.parquet --store features --encoder {result.out}",
            f"encore predict YOUR.parquet --head {result.out}/heads/{task}",
        )
    )
