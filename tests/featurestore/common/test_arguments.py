from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from encore.featurestore import UsageError
from encore.featurestore.common.arguments import settle_fields, several


@dataclass(frozen=True)
class Request:
    """One field of each kind that is settled, and one of another."""

    inputs: tuple[str, ...]
    store: str = "store"
    like: str | None = None
    out: Path = Path("out")
    pair: tuple[int, int] = (1, 2)

    def __post_init__(self) -> None:
        settle_fields(self)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("ab", ("ab",)),
        (Path("a/b"), ("a/b",)),
        (["a", Path("b")], ("a", "b")),
        ((it for it in "ab"), ("a", "b")),
        ((), ()),
        (3, (3,)),
        (1e-3, (1e-3,)),
    ],
    ids=["text", "path", "list", "generator", "nothing", "int", "float"],
)
def test_one_value_is_one_and_a_path_is_its_text(given: Any, taken: tuple[Any, ...]) -> None:
    assert several(given, "inputs") == taken


@pytest.mark.parametrize("given", [None, b"a.parquet"])
def test_what_is_no_value_is_refused_by_the_name_of_its_field(given: Any) -> None:
    with pytest.raises(UsageError, match=r"inputs: .* is no value; give one, or a list of them"):
        Request(given)


def test_fields_get_the_types_that_they_are_annotated_with() -> None:
    request = Request("a", Path("s"), Path("l"), "o", (3, 4))  # type: ignore[arg-type]
    assert request == Request(("a",), "s", "l", Path("o"), (3, 4))
    assert Request("a").like is None  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [3, (b"a.parquet",), ("a.parquet", None), [["a.parquet"]]])
def test_what_is_no_text_among_texts_is_refused_by_the_name_of_its_field(given: Any) -> None:
    with pytest.raises(UsageError, match=r"inputs: .* is neither a text nor a path"):
        Request(given)
