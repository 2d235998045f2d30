"""The table of commands, and the group of commands that imports each one only when it is called.

A new command is a file in `encore.cli.commands` with a function of the command's name, and its entry in the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from encore.cli.console.panels import lay_out


@dataclass(frozen=True)
class Entry:
    """A command of the table. It describes the command without importing it.

    Attributes:
        summary: first paragraph of its help.
        module: the command's file in `encore.cli.commands`, with its folder; empty for a group of commands.
        resumes: whether the command, run again, goes on from what an interrupted run finished.
        writes: whether it writes what is to last, so that ``--no-sync`` is an option of it.
        commands: the commands of a group.
    """

    summary: str
    module: str = ""
    resumes: bool = False
    writes: bool = True
    commands: Mapping[str, Entry] = field(default_factory=dict)


EXPERIMENTS: Mapping[str, Entry] = {
    "frozen": Entry(
        "Heads on the frozen plain encoder, by five poolings: the paper's Table 3 (b).", "experiments.frozen"
    ),
    "loo": Entry(
        "Heads on encoders trained jointly on all other tasks, by five poolings and "
        "quantizers: the paper's Table 3 (c).",
        "experiments.loo",
    ),
    "group-out": Entry(
        "Heads on encoders trained jointly on the tasks of all other groups: the paper's Table 3 (d).",
        "experiments.group_out",
    ),
    "all-tasks": Entry(
        "The encoder and the heads trained jointly on all tasks, without further training: the paper's Table 3 (e).",
        "experiments.all_tasks",
    ),
    "finetune": Entry(
        "Every task fine-tuned end to end, from the plain encoder and from the "
        "leave-one-out one: the paper's Table 3 (a).",
        "experiments.finetune",
    ),
    "quantization": Entry(
        "Accuracy by quantizer on the frozen encoder, paired with float16 by task and seed: the paper's section 6.3.",
        "experiments.quantization",
    ),
    "wsd": Entry(
        "Word senses by the nearest centroid, from original and quantized features: the paper's Table 4.",
        "experiments.wsd",
    ),
}

COMMANDS: Mapping[str, Entry] = {
    "encode": Entry(
        "Encode a corpus into a store: what is stored already is skipped, and an interrupted run resumes.",
        "encode",
        resumes=True,
    ),
    "train": Entry("Train a head on labelled documents of a store, without the encoder.", "train"),
    "backfill": Entry(
        "Score every stored document with one head or many in one pass; what is scored already is left alone.",
        "backfill",
        resumes=True,
    ),
    "predict": Entry(
        "Score new text that is in no store, with the encoder that the heads' features came from.",
        "predict",
        writes=False,
    ),
    "evaluate": Entry(
        "Compare predictions with labels: accuracy, macro F1, MCC, confusion, with 95 % intervals.",
        "evaluate",
        writes=False,
    ),
    "export": Entry(
        "Write one Parquet file of all documents with their kept columns, and each "
        "head's label, score and probabilities.",
        "export",
    ),
    "derive": Entry("Make a poorer store from a richer one, without the encoder.", "derive", resumes=True),
    "inspect": Entry(
        "Say what a store holds: spec, counts, bytes a document, snapshot.",
        "store.inspect",
        writes=False,
    ),
    "documents": Entry(
        "List the stored documents: ids, tokens, truncation, and the corpus columns that were kept.",
        "store.documents",
        writes=False,
    ),
    "snapshots": Entry(
        "List the snapshots that a store keeps, oldest first, with their tags.",
        "store.snapshots",
        writes=False,
    ),
    "runs": Entry(
        "List the jobs that are at work on a store and those that have ended, newest first.",
        "store.runs",
        writes=False,
    ),
    "tag": Entry(
        "Name a snapshot: --snapshot takes the name wherever it takes a number, and vacuum keeps what is tagged.",
        "store.tag",
    ),
    "delete": Entry("Delete documents from the newest snapshot; those that are not stored are listed.", "store.delete"),
    "verify": Entry(
        "Check that everything a store needs is there, is what was written, and agrees "
        "with itself; exit code 1 if not.",
        "store.verify",
        writes=False,
    ),
    "repair": Entry(
        "Make a damaged store whole: what is damaged is set aside, and what it held is encoded again out of a corpus.",
        "store.repair",
        resumes=True,
    ),
    "copy": Entry(
        "Copy a store while others write to it: its newest snapshot, the tagged ones, and the block list.",
        "store.copy",
        resumes=True,
    ),
    "compact": Entry(
        "Merge small segments, and write those with deleted documents anew without them; "
        "features are copied as they are.",
        "store.compact",
    ),
    "vacuum": Entry("Remove old snapshots and every object that no snapshot needs any more.", "store.vacuum"),
    "multitask": Entry(
        "Train an encoder jointly on many tasks; the result is an encoder directory that holds its heads too.",
        "experiments.multitask",
        resumes=True,
    ),
    "cost": Entry(
        "Bytes and FLOPs by arithmetic: the paper's tables 2 and 3 for any encoder, break-even tasks, and money.",
        "experiments.cost",
        writes=False,
    ),
    "demo": Entry(
        "The whole loop on the docstrings of Python's own library: encode once, train "
        "and score two tasks from the store.",
        "experiments.demo",
        resumes=True,
    ),
    "tradeoff": Entry(
        "What does a byte buy? Accuracy against bytes for your labels, a recommendation, a picture and a page.",
        "experiments.tradeoff",
        resumes=True,
    ),
    "experiment": Entry(
        "The paper's experiments, on any encoder and any tasks. A finished cell is never measured again.",
        resumes=True,
        commands=EXPERIMENTS,
    ),
}


class LazyGroup(TyperGroup):
    """A group with the commands of a table. The list needs the table alone; a command is imported when it is called."""

    def __init__(self, *, table: Mapping[str, Entry] = COMMANDS, **settings: Any) -> None:
        listed = {name: TyperCommand(name, help=entry.summary) for name, entry in table.items()}
        super().__init__(**settings | {"commands": listed})
        self.table = table

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Returns the name of the called command, the command, and its remaining words."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else self.load(name), rest

    def load(self, name: str) -> Any:
        """Import a command, and put its options into panels."""
        entry = self.table[name]
        if entry.commands:
            return LazyGroup(table=entry.commands, name=name, help=entry.summary, no_args_is_help=True)
        module = import_module(f"encore.cli.commands.{entry.module}")
        alone = typer.Typer(add_completion=False)
        alone.command(name)(getattr(module, name.replace("-", "_")))
        found = typer.main.get_command(alone)
        lay_out(found)
        return found
