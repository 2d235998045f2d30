"""The registry of tasks: a small TOML file that names each task's files, columns and group."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from encore.featurestore import UsageError
from encore.featurestore.common import several
from encore.featurestore.storage import Address, read_file
from encore.heads.artefact import check_task

PAPER = "paper"
"""Name of the built-in registry: the 14 tasks of the paper."""

DATA_VARIABLE = "ENCORE_DATA"
"""Environment variable with the folder that the built-in registry's files are in."""


@dataclass(frozen=True)
class Task:
    """One classification task.

    Attributes:
        name: letters, digits, ``.``, ``_`` and ``-``; it becomes part of file names.
        group: its kind: SA, NLI, PP, DOC and LA in the paper; a registry may have other groups.
        train: Parquet, JSON Lines or CSV file of documents to learn from.
        dev: file of documents to measure on.
        title: short name for the header of a table.
        id_column, text_column, label_column: names of columns.
        pair_column: name of the column of second texts; None for single texts.
    """

    name: str
    group: str
    train: str
    dev: str
    title: str
    id_column: str = "doc_id"
    text_column: str = "text"
    pair_column: str | None = None
    label_column: str = "label"


@dataclass(frozen=True)
class TaskRegistry:
    """Tasks, in the order of their file.

    Attributes:
        tasks: at least one, no name twice.
        source: the file, for messages.
    """

    tasks: tuple[Task, ...]
    source: str

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups, in the order in which they first occur."""
        return tuple(dict.fromkeys(task.group for task in self.tasks))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tasks."""
        return tuple(task.name for task in self.tasks)

    def only(self, names: Sequence[str]) -> TaskRegistry:
        """A registry of only these tasks, in the same order; no names mean all. Raise UsageError if one is unknown."""
        names = self._known(names)
        return replace(self, tasks=tuple(task for task in self.tasks if task.name in names)) if names else self

    def without(self, names: Sequence[str]) -> TaskRegistry:
        """A registry of all other tasks. Raise UsageError for an unknown name, or where no task is left."""
        names = self._known(names)
        left = tuple(task for task in self.tasks if task.name not in names)
        if not left:
            raise UsageError(f"{self.source}: without {', '.join(names)} no task is left; leave out fewer")
        return replace(self, tasks=left)

    def of_groups(self, groups: Sequence[str]) -> TaskRegistry:
        """A registry of the tasks of these groups. No groups mean all. Raise UsageError for an unknown group."""
        groups = several(groups, "groups")
        unknown = [group for group in groups if group not in self.groups]
        if unknown:
            raise UsageError(f"{self.source}: no group {', '.join(unknown)}; there are {', '.join(self.groups)}")
        return replace(self, tasks=tuple(task for task in self.tasks if task.group in groups)) if groups else self

    def _known(self, names: Sequence[str]) -> tuple[str, ...]:
        asked = several(names, "tasks")
        unknown = [name for name in asked if name not in self.names]
        if unknown:
            raise UsageError(f"{self.source}: no task {', '.join(unknown)}; there are {', '.join(self.names)}")
        return asked


def load_tasks(source: str, data: str | None = None) -> TaskRegistry:
    """Read a registry.

    Args:
        source: path or URL of a TOML file, or ``paper`` for the paper's 14 tasks.
        data: folder that relative paths start from. None takes the TOML file's own folder, and for ``paper`` the folder
            in the environment variable ``ENCORE_DATA``.

    Raises:
        UsageError: no such file, or the registry lacks a required field.
    """
    address = Address.parse(source)
    path = address.local
    if path is None or path.is_file():
        text, root = _text(source), data or str(address.parent if path is None else path.parent)
    elif source == PAPER:
        text = resources.files("encore.experiments.bench").joinpath("paper_tasks.toml").read_text(encoding="utf-8")
        root = data or os.environ.get(DATA_VARIABLE, "")
        if not root:
            raise UsageError(f"tasks {PAPER}: where is the data? Give --data DIR or set {DATA_VARIABLE}")
    else:
        raise UsageError(f"tasks {source!r}: no such file; give a TOML registry of tasks, or the word {PAPER}")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{source}: is no TOML: {error}") from error
    tables = document.get("tasks")
    if set(document) != {"tasks"} or not isinstance(tables, dict) or not tables:
        raise UsageError(f"{source}: expected tables [tasks.NAME] and nothing else, at least one")
    return TaskRegistry(tuple(_task(source, name, table, root) for name, table in tables.items()), source)


def _task(source: str, name: str, table: Any, root: str) -> Task:
    check_task(name)
    where = f"{source}: task {name}"
    known = {field.name for field in fields(Task)} - {"name"}
    if not isinstance(table, dict) or not all(isinstance(value, str) and value for value in table.values()):
        raise UsageError(f"{where}: expected text for each of {', '.join(sorted(known))}")
    unknown, missing = set(table) - known, {"group", "train", "dev"} - set(table)
    if unknown or missing:
        problem = f"unknown key {', '.join(sorted(unknown))}" if unknown else f"no {', '.join(sorted(missing))}"
        raise UsageError(f"{where}: {problem}; keys are {', '.join(sorted(known))}")
    paths = {part: _resolve(table[part], root) for part in ("train", "dev")}
    if paths["train"] == paths["dev"]:
        raise UsageError(
            f"{where}: train and dev are the same file;"
            " give another dev, since a head must not be measured on what it has learned"
        )
    return Task(**{"name": name, "title": name, **table, **paths})


def _text(source: str) -> str:
    try:
        return read_file(source).decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{source}: is not UTF-8 text: {error.reason} at byte {error.start}") from error


def _resolve(path: str, root: str) -> str:
    """The address of a task's file; a relative path starts from ``root``."""
    file, folder = Address.parse(path), Address.parse(root or ".")
    if file.scheme or not folder.scheme:
        return str(file) if file.scheme else str(Path(folder.path).expanduser() / Path(file.path).expanduser())
    absolute = Path(file.path).expanduser()
    return str(absolute) if absolute.is_absolute() else f"{str(folder).rstrip('/')}/{file.path}"
