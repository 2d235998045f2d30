"""The damage that a verification found, as manifests, lists, segments, deletion vectors and tags."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from encore.featurestore.errors import UPGRADE, NewerFormat, StoreError
from encore.featurestore.format import FORMAT_VERSION, is_of_another_format
from encore.featurestore.history import LIST_PATH, MANIFEST, SALT_PATH, STORE_FILE
from encore.featurestore.segments import SegmentEntry
from encore.featurestore.storage import Objects
from encore.featurestore.verification import UNREAD, Finding

LIST = re.compile(r"lists/([^/]+)\.parquet")
VECTOR = re.compile(r"deletions/([^/]+)")
SEGMENT = re.compile(r"segments/([^/.]+)(?:\.json|/.+)")
TAG = re.compile(r"tags/([^/]+)\.json")
BLOCKED = "blocked"
"""The path in a finding about a block list that is gone: no object knows the list's name."""


@dataclass(frozen=True)
class Damage:
    """What is damaged or missing.

    Attributes:
        findings: of a deep verification.
        paths: the objects that they name.
    """

    findings: tuple[Finding, ...]
    paths: frozenset[str]

    @classmethod
    def of(cls, objects: Objects, findings: Sequence[Finding]) -> Damage:
        """The damage that these findings describe.

        Raises:
            StoreError: an object is of a newer format, or storage does not let it be read, so that it is unknown
                whether it is damaged.
        """
        prefix = f"{objects.uri}/"
        paths = {finding.object.removeprefix(prefix): finding for finding in findings}
        for path, finding in paths.items():
            newer = finding.action == UPGRADE and is_of_another_format(objects.get(path), FORMAT_VERSION)
            if newer:
                raise NewerFormat(f"{finding.object}: {finding.problem}: {UPGRADE}; nothing was changed")
            if finding.action == UNREAD:
                raise StoreError(f"{finding.object}: {finding.problem}; {UNREAD}; nothing was changed")
        return cls(tuple(findings), frozenset(paths))

    @cached_property
    def manifests(self) -> frozenset[int]:
        """Numbers of snapshots."""
        return frozenset(map(int, self._named(MANIFEST)))

    @cached_property
    def lists(self) -> frozenset[str]:
        """Digests of segment lists."""
        return frozenset(self._named(LIST))

    @cached_property
    def vectors(self) -> frozenset[str]:
        """Digests of deletion vectors."""
        return frozenset(self._named(VECTOR))

    @cached_property
    def segments(self) -> frozenset[str]:
        """Ids of segments with a damaged object."""
        return frozenset(self._named(SEGMENT))

    @cached_property
    def tags(self) -> frozenset[str]:
        """Names of tags: damaged ones, and those whose snapshot is not there."""
        return frozenset(self._named(TAG))

    @property
    def store_file(self) -> bool:
        """Whether `store.json` is damaged or missing."""
        return STORE_FILE in self.paths

    @property
    def salt(self) -> bool:
        """Whether the salt of the block list, without which no list can be used, is damaged or missing."""
        return SALT_PATH in self.paths

    @cached_property
    def block_lists(self) -> tuple[str, ...]:
        """Paths of block lists."""
        return tuple(sorted(path for path in self.paths if LIST_PATH.fullmatch(path)))

    @property
    def block_list(self) -> bool:
        """Whether it is unknown which ids are blocked."""
        return bool(self.salt or self.block_lists or BLOCKED in self.paths)

    @property
    def elsewhere(self) -> bool:
        """Whether anything but the block list is damaged."""
        return any(not path.startswith(BLOCKED) for path in self.paths)

    def harms(self, entry: SegmentEntry) -> str | None:
        """Why a segment cannot be listed as an entry says; None where it can."""
        if entry.segment in self.segments:
            return "damaged"
        return "its deletion vector is damaged" if entry.deletions in self.vectors else None

    def _named(self, pattern: re.Pattern[str]) -> Iterator[str]:
        return (match[1] for path in self.paths if (match := pattern.fullmatch(path)))
