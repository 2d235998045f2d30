"""Thrift's compact protocol: what is no struct is refused, without much work."""

from __future__ import annotations

import pytest

from encore.featurestore.format.thrift import read_struct


def test_a_struct_is_read_to_its_end() -> None:
    # 1: i32 −3; 2: true; 4: "ab"; 5: [1, 2]; 6: {1: i64 300}; 7: a double; then something else.
    data = bytes.fromhex("1505 11 28026162 19250204 1c16d80400 17") + bytes(8) + b"\0more"
    assert read_struct(data) == ({1: -3, 2: True, 4: b"ab", 5: [1, 2], 6: {1: 300}, 7: bytes(8)}, len(data) - 4)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x15",
        b"\x15\x02",
        b"\x18\x7fshort",
        b"\x17\0\0",
        b"\x1d\0\0",
        b"\x15\x02\x05\x02\x02\0",
        b"\x15" + b"\xff" * 20 + b"\0",
        b"\x19\xf7\xff\xff\xff\xff\xff\xff\xff\x7f\0",
        b"\x19\xf8\xff\xff\xff\xff\xff\xff\xff\x7f\0",
        b"\x1c" * 100_000,
        b"\x19" + b"\x19" * 100_000,
    ],
    ids=[
        "nothing", "no number", "no end", "a short text", "a short double", "an unknown type", "a field twice",
        "a number without end", "doubles without end", "texts without end", "deep structs", "deep lists",
    ],
)  # fmt: skip
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="Thrift struct"):
        read_struct(data)
