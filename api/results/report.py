"""The report of a job, or of a store's maintenance: the JSON of ``--json``, which a notebook shows as a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from encore.featurestore.common import counted
from encore.featurestore.errors import JobError
from encore.featurestore.summary import Summary, SummaryMixin

NOT_SHOWN = ("fingerprint", "spec", "versions", "seconds", "run", "finished_at", "exit_code", "wall_seconds", "job")
"""Entries for programs, which the table leaves out."""
TITLES = {"before": "snapshot before", "after": "snapshot after"}
"""Words for entries whose names do not say enough by themselves."""
LISTED = 5
"""The most values of a list that are shown."""


class Report(SummaryMixin, Mapping[str, Any]):
    """The report of a job, as a mapping. Its entries are those that the command prints with ``--json``.

    For example, ``report["documents"]["encoded"]`` is a number. `to_json` gives everything. A notebook shows a table.

    Attributes:
        kind: what was done: ``encode``, ``derive``, ``export``, ``compact``, ``delete``, ``vacuum`` or ``verify``.
    """

    def __init__(self, kind: str, document: Mapping[str, Any]) -> None:
        """``kind`` is the name of the job, and ``document`` its JSON."""
        self.kind = kind
        self._document = dict(document)

    def __getitem__(self, name: str) -> Any:
        """An entry."""
        return self._document[name]

    def __iter__(self) -> Iterator[str]:
        """Names of the entries."""
        return iter(self._document)

    def __len__(self) -> int:
        """Number of entries."""
        return len(self._document)

    def to_dict(self) -> dict[str, Any]:
        """The document."""
        return dict(self._document)

    def to_json(self) -> str:
        """Indented JSON."""
        return json.dumps(self._document, indent=1)

    def __str__(self) -> str:
        return self._summary().text()

    def _summary(self) -> Summary:
        rows = [(_title(name), shown) for name, value in self.items() if (shown := _shown(name, value))]
        facts = ["dry run"] if self.get("dry_run") else []
        counts = self.get("documents")
        if isinstance(counts, Mapping):
            facts += [f"{count:,} {_words(name)}" for name, count in counts.items() if count]
        else:
            facts += [f"{_title(name)} {_value(value)}" for name, value in self.items() if _is_count(value) and value]
        if "removed" in self:
            found = [self["removed"], self.get("predictions")]
            done = "to remove" if self.get("dry_run") else "removed"
            facts += [f"{done} {counted(_total(found, 'objects'), 'object')}, {_total(found, 'bytes'):,} bytes"]
        return Summary("Report", self.kind, facts, rows)


def job_report(kind: str, document: Mapping[str, Any]) -> Report:
    """The report of a complete job.

    Raises:
        JobError: the job is incomplete: units failed, there are too many dead letters, or pruning was withheld.
    """
    if document["exit_code"]:
        raise JobError(f"{kind}: {'; '.join(_problems(document))}; the report has the details", document)
    return Report(kind, document)


def _problems(document: Mapping[str, Any]) -> Iterator[str]:
    """What the job did not do."""
    failures = document["failures"]
    if failures:
        first = next(iter(failures.values()))
        yield f"{counted(len(failures), 'unit')} failed, for example in {first['stage']}: {first['reason']}"
    letters = document.get("dead_letters")
    if letters is not None and not letters["within"]:
        reasons = ", ".join(f"{count:,} × {reason}" for reason, count in list(letters["reasons"].items())[:LISTED])
        yield (
            f"{counted(letters['count'], 'document')} refused ({reasons}), over the limit of {letters['limit']}, "
            "and nothing was committed: with a higher max_dead_letters the same call only commits"
        )
    pruning = document.get("pruning")
    if pruning is not None and pruning["withheld"]:
        obstacles = "; ".join(pruning["obstacles"][:LISTED]) or f"over the limit of {pruning['limit']}: see max_pruned"
        yield f"{counted(pruning['left'], 'document')} not pruned that left the corpus: {obstacles}"
    damaged = document.get("corpus", {}).get("damaged", 0)
    if damaged:
        yield f"{counted(damaged, 'file')} of the corpus cannot be read"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _total(found: object, name: str) -> int:
    """The sum of the counts of this name, at any depth."""
    if isinstance(found, Mapping):
        return sum(value if key == name else _total(value, name) for key, value in found.items())
    return sum(_total(it, name) for it in found) if isinstance(found, (list, tuple)) else 0


def _title(name: str) -> str:
    """The words for an entry of the report itself."""
    return TITLES.get(name, _words(name))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _shown(name: str, value: object) -> str:
    """The text of an entry; empty for an entry without information."""
    if name in NOT_SHOWN or value is None or value == "" or value is False:
        return ""
    if isinstance(value, Mapping):
        parts = [f"{_words(key)} {shown}" for key, inner in value.items() if inner and (shown := _shown(key, inner))]
        return ", ".join(parts)
    return _value(value)


def _value(value: object) -> str:
    if _is_count(value):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        shown = ", ".join(_shown("", it) for it in value[:LISTED])
        return shown + (f" and {len(value) - LISTED:,} more" if len(value) > LISTED else "")
    return "yes" if value is True else f"{value}"
