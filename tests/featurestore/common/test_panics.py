"""A panic of a Rust library becomes an error; nothing else changes on its way."""

from __future__ import annotations

import pytest

from encore.featurestore.common.panics import RustPanic, panics_as_errors
from tests.panics import panic


def test_a_panic_which_is_no_exception_becomes_an_error_with_its_text() -> None:
    with pytest.raises(BaseException, match="retry-limit-in-match over") as raised:
        panic()
    assert not isinstance(raised.value, Exception)
    with pytest.raises(RustPanic, match="retry-limit-in-match over"), panics_as_errors():
        panic()
    with pytest.raises(RustPanic):
        panics_as_errors()(panic)()


@pytest.mark.parametrize("other", [KeyboardInterrupt, SystemExit, GeneratorExit, ValueError, MemoryError])
def test_what_is_no_panic_passes_as_it_is(other: type[BaseException]) -> None:
    with pytest.raises(other) as raised, panics_as_errors():
        raise other
    assert raised.type is other


def test_what_a_function_returns_stays_its_value() -> None:
    assert panics_as_errors()(len)("abc") == 3
