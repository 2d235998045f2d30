"""The normal form of labels, and labels that are nearly the same.

Labels are compared as texts in their normal form: composed Unicode (NFC), without white space around it. Integers and
booleans become the texts that they print as (``1``, ``true``). Nothing else is changed: ``True`` and ``true`` are two
classes, and so are ``1`` and ``1.0``. Only their author knows whether such near-twins mean the same; `near_twins` finds
them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from encore.tablefiles.names import shown_name

TWINS_LISTED = 5

_INTEGER = re.compile(r"-?[0-9]{1,300}")
# At most as many digits as Decimal keeps.
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{0,9})?")
_SEPARATORS = re.compile(r"[\s_-]+")


def normal_labels(labels: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Texts in the normal form of labels; a label of white space alone becomes empty."""
    texts = labels.cast(pa.string())
    names = pc.unique(texts).drop_null()
    # Not with pyarrow: its NFC normalization (25.0) decomposes characters instead of composing them.
    normal = pa.array([unicodedata.normalize("NFC", name.strip()) for name in names.to_pylist()], pa.string())
    return normal.take(pc.index_in(texts, value_set=names))


def in_order(classes: Iterable[str]) -> tuple[str, ...]:
    """Names of classes in the order of every list: by value where all are integers, else by code points."""
    names = sorted(set(classes))
    if all(map(_INTEGER.fullmatch, names)):
        names.sort(key=int)
    return tuple(names)


def near_twins(names: Iterable[str], others: Iterable[str] | None = None) -> tuple[tuple[str, ...], ...]:
    """Groups of labels that differ only in ways of writing.

    The ways are: case; forms of a number (``1``, ``01``, ``1.0``); spaces, underscores and hyphens between words;
    invisible characters; compatibility forms of Unicode (full-width letters).

    Args:
        names: labels.
        others: None compares ``names`` with each other. Otherwise each group is one of ``names``, followed by its twins
            in ``others``.
    """
    left = sorted(set(names))
    if others is None:
        groups: dict[str, list[str]] = {}
        for name in left:
            groups.setdefault(_core(name), []).append(name)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)
    known: dict[str, list[str]] = {}
    for other in sorted(set(others)):
        known.setdefault(_core(other), []).append(other)
    found = ((name, [other for other in known.get(_core(name), ()) if other != name]) for name in left)
    return tuple((name, *twins) for name, twins in found if twins)


def named_twins(groups: Sequence[tuple[str, ...]]) -> str:
    """Near-twins for a message: the first few groups, and how many more."""
    first = ", ".join(" ~ ".join(map(shown_name, group)) for group in groups[:TWINS_LISTED])
    return first if len(groups) <= TWINS_LISTED else f"{first} and {len(groups) - TWINS_LISTED:,} more"


def _core(name: str) -> str:
    """A label without the differences that near-twins may have: twins have the same core."""
    visible = "".join(sign for sign in unicodedata.normalize("NFKC", name) if unicodedata.category(sign) != "Cf")
    text = visible.casefold().strip()
    if _NUMBER.fullmatch(text):
        return str(Decimal(text).normalize() + 0)
    return _SEPARATORS.sub(" ", text).strip() or text
