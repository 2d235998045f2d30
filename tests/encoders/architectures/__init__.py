"""Which architectures of transformers are encoders for Encore, and how each is taken: a table of tiny random ones.

The tests run every row; the page about encoders is made of the same rows.
"""

from tests.encoders.architectures.architecture import (
    AS_ANY,
    EQUAL_LENGTHS,
    LENGTHS,
    REFUSED,
    WORDS,
    Architecture,
    build,
    save,
)
from tests.encoders.architectures.bidirectional import BIDIRECTIONAL
from tests.encoders.architectures.decoders import DECODERS
from tests.encoders.architectures.recurrent import RECURRENT
from tests.encoders.architectures.refused import OTHERS
from tests.encoders.architectures.unmasked import UNMASKED

__all__ = [
    "ARCHITECTURES",
    "AS_ANY",
    "EQUAL_LENGTHS",
    "LENGTHS",
    "REFUSED",
    "WORDS",
    "Architecture",
    "build",
    "named",
    "page_rows",
    "save",
]

ARCHITECTURES: tuple[Architecture, ...] = (*BIDIRECTIONAL, *UNMASKED, *DECODERS, *RECURRENT, *OTHERS)


def named(name: str) -> Architecture:
    """The row of this name."""
    (row,) = (row for row in ARCHITECTURES if row.name == name)
    return row


def page_rows() -> list[tuple[str, str, str, str]]:
    """(architecture, how singles are taken, how pairs are taken, remark) for the page about encoders."""
    return [(row.name, row.taken, _pairs(row), row.remark) for row in ARCHITECTURES]


def _pairs(row: Architecture) -> str:
    if not row.pairs:
        return REFUSED
    return "by token types" if row.segments else "by separators"
