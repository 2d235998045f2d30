from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
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
    epochs: int | None = None
    share: float = 0.1
    rates: tuple[float, ...] = ()
    heads: tuple[str | Request, ...] = ()
    check: bool = False
    snapshot: int | str | None = None

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
    with pytest.raises(UsageError, match=r"inputs .*: expected a value, or a list of values"):
        Request(given)


def test_fields_get_the_types_that_they_are_annotated_with() -> None:
    request = Request("a", Path("s"), Path("l"), "o", (3, 4))  # type: ignore[arg-type]
    assert request == Request(("a",), "s", "l", Path("o"), (3, 4))
    assert Request("a").like is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "given", "taken"),
    [
        ("epochs", np.int64(3), 3),
        ("share", 1, 1),
        ("share", np.float32(0.5), 0.5),
        ("rates", np.array([0.5, 2.0]), (0.5, 2.0)),
        ("rates", np.float64(0.5), (0.5,)),
        ("check", np.bool_(True), True),
        ("snapshot", np.int32(2), 2),
        ("snapshot", "nightly", "nightly"),
        ("heads", [Path("a/b"), Request(())], ("a/b", Request(()))),
    ],
)
def test_numbers_of_numpy_become_those_of_python(name: str, given: Any, taken: Any) -> None:
    found = getattr(Request((), **{name: given}), name)
    assert (found, type(found)) == (taken, type(taken))
    assert [type(it) for it in several(found, name)] == [type(it) for it in several(taken, name)]


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("epochs", 1.5, "epochs 1.5: expected a whole number or None"),
        ("epochs", True, "epochs True: expected a whole number or None"),
        ("share", "0.1", "share '0.1': expected a number"),
        ("share", None, "share None: expected a number"),
        ("share", np.bool_(True), "expected a number"),
        ("rates", "1e-4", "rates '1e-4': expected a number"),
        ("rates", [1e-4, None], "rates None: expected a number"),
        ("check", "no", "check 'no': expected True or False"),
        ("check", 1, "check 1: expected True or False"),
        ("snapshot", 1.5, "snapshot 1.5: expected a whole number, a text or None"),
        ("store", 3, "store 3: expected a text"),
        ("heads", ["a", 3], "heads 3: expected a text or a Request"),
        ("share", np.zeros((20, 20)), "share array.*: expected a number"),
    ],
)
def test_another_type_is_refused_in_one_line(name: str, given: Any, told: str) -> None:
    with pytest.raises(UsageError, match=f"{told}$") as raised:
        Request((), **{name: given})
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("given", [3, (b"a.parquet",), ("a.parquet", None), [["a.parquet"]]])
def test_what_is_no_text_among_texts_is_refused_by_the_name_of_its_field(given: Any) -> None:
    with pytest.raises(UsageError, match=r"inputs .*: expected a text$"):
        Request(given)
