"""The functions take the words of the command line, with its defaults and those of the jobs behind both."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

import pytest

import encore
from encore.cli.options.byte_sizes import parse_bytes
from encore.heads import TrainSettings
from encore.heads.training.store import TrainRequest
from encore.pipelines.backfill.job import BackfillRequest
from encore.pipelines.encoding.job import EncodeRequest
from encore.pipelines.export import ExportRequest
from encore.pipelines.ingestion.derivation import DeriveRequest
from encore.pipelines.predict_job import PredictRequest
from tests.cli.loading import load_commands

COMMANDS = load_commands()
FOR_THE_TERMINAL = {"as_json", "report", "metrics", "no_sync", "limit"}
"""Options for what a command prints or writes beside its result. A program sets syncing in its environment."""
JOB = {"beam_options", "progress"}
"""Arguments in place of the words after ``--``, and of the choice between bar and lines."""
IDS_FILE = {"ids_file", "id_column", "encoding", "csv_delimiter", "csv_escape"}
PLURALS = {
    "head": "heads",
    "pooling": "poolings",
    "lr": "learning_rates",
    "batch_size": "batch_sizes",
    "seed": "seeds",
}
"""Options that may be given many times, and the argument that takes several."""


@dataclass(frozen=True)
class Pair:
    """A function, or a method of a store, and its command.

    Attributes:
        function: in Python.
        command: its name on the command line.
        requests: what the function makes of its arguments.
        words: option → argument, where they differ.
        left_out: options that the function lacks.
        more: arguments that the command lacks.
        optional: optional arguments of the function that are required options of the command.
    """

    function: Callable[..., Any]
    command: str
    requests: tuple[type, ...] = ()
    words: dict[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    more: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()


PAIRS = [
    Pair(encore.encode, "encode", (EncodeRequest,), {"no_special_tokens": "special_tokens"}, more=frozenset(JOB)),
    Pair(encore.derive, "derive", (DeriveRequest,), more=frozenset(JOB)),
    Pair(
        encore.train,
        "train",
        (TrainRequest, TrainSettings),
        PLURALS,
        more=frozenset({"progress"}),
        optional=frozenset({"out"}),
    ),
    Pair(encore.backfill, "backfill", (BackfillRequest,), PLURALS, more=frozenset(JOB)),
    Pair(
        encore.predict,
        "predict",
        (PredictRequest,),
        PLURALS,
        left_out=frozenset({"out"}),
        more=frozenset({"texts"}),
        optional=frozenset({"inputs"}),
    ),
    Pair(encore.evaluate, "evaluate"),
    Pair(encore.export, "export", (ExportRequest,), PLURALS, more=frozenset({"progress"})),
    Pair(encore.Store.runs, "runs", left_out=frozenset({"store"}), more=frozenset({"limit"})),
    Pair(encore.Store.tag, "tag", left_out=frozenset({"store"})),
    Pair(encore.Store.delete, "delete", left_out=frozenset({"store", *IDS_FILE}), optional=frozenset({"ids"})),
    Pair(encore.Store.compact, "compact", left_out=frozenset({"store"})),
    Pair(encore.Store.vacuum, "vacuum", left_out=frozenset({"store"})),
    Pair(encore.Store.verify, "verify", left_out=frozenset({"store", "predictions"})),
]
EACH = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.command)


def arguments(pair: Pair) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(pair.function).parameters)
    found.pop("self", None)
    return found


def options(pair: Pair) -> dict[str, Any]:
    """Argument → the option of the command that it stands for."""
    shared = [it for it in COMMANDS[pair.command].params if it.name not in FOR_THE_TERMINAL | pair.left_out]
    return {pair.words.get(it.name, it.name): it for it in shared}


def in_python(option: Any) -> Any:
    """The default of an option as a program writes it."""
    if option.name.startswith("no_"):
        return not option.default
    if option.name in ("memory", "target_bytes"):
        return parse_bytes(option.default, option.name)
    return () if option.name == "keep_columns" and option.default == "" else option.default


@EACH
def test_the_words_are_those_of_the_command(pair: Pair) -> None:
    assert set(arguments(pair)) == set(options(pair)) | pair.more


@EACH
def test_the_defaults_are_those_of_the_command(pair: Pair) -> None:
    taken = arguments(pair)
    for name, option in options(pair).items():
        default = taken[name].default
        if option.required or name in pair.optional:
            assert default is inspect.Parameter.empty or name in pair.optional, name
        elif not (option.multiple and option.default is None):
            assert default == in_python(option), name


@EACH
def test_the_defaults_are_those_of_the_job(pair: Pair) -> None:
    taken = arguments(pair)
    compared = 0
    for request in pair.requests:
        for own in fields(request):
            if own.default is not MISSING and own.name in taken:
                compared += 1
                if not (own.default is None and own.name == "columns"):
                    assert taken[own.name].default == own.default, own.name
    assert compared > 2 or not pair.requests


@EACH
def test_what_may_be_given_many_times_is_taken_in_the_plural(pair: Pair) -> None:
    several = {name for name, option in options(pair).items() if getattr(option, "multiple", False)}
    assert all(name.endswith("s") for name in several)


@EACH
def test_only_what_a_call_is_about_is_told_by_its_place(pair: Pair) -> None:
    placed = {name for name, it in arguments(pair).items() if it.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD}
    assert placed <= {"ids", "inputs", "labels", "name", "predictions", "source", "texts"} | {"store"} & {
        *options(pair)
    }
    assert len(placed) <= 2


@EACH
def test_every_argument_is_explained(pair: Pair) -> None:
    told = inspect.getdoc(pair.function) or ""
    assert [name for name in arguments(pair) if f"    {name}: " not in told] == []
