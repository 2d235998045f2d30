"""JSON as it is written: the text of values, and the ways to spell a key."""

from __future__ import annotations

import json
import re

_DECODER = json.JSONDecoder(parse_float=str, parse_int=str)
_SPACE = re.compile(r"[ \t\n\r]*+")


def value_sources(text: str) -> dict[str, str]:
    """Key → source text of its value, of an object that `json.loads` takes; of a repeated key the last.

    A number that was parsed need not be what was written: ``1.10``, ``1e400``, ``-0``.
    """
    found: dict[str, str] = {}
    at = _skip(text, 0)
    while text[at] != "}":
        at = _skip(text, at + 1)
        if text[at] == "}":
            break
        key, at = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _, stop = _DECODER.raw_decode(text, start)
        found[key] = text[start:stop]
        at = _skip(text, stop)
    return found


def spelled_in(name: str, data: bytes) -> bool:
    """Whether JSON may hold a string in which ``name`` stands, as it is or with characters escaped."""
    return name.encode() in data or (b"\\" in data and _spellings(name).search(data) is not None)


def _spellings(name: str) -> re.Pattern[bytes]:
    return re.compile(b"".join(b"(?:%s)" % b"|".join(_forms(character)) for character in name))


def _forms(character: str) -> list[bytes]:
    units = character.encode("utf-16-be")
    escaped = b"".join(rb"\\u(?i:%04x)" % int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    forms = [re.escape(character.encode()), escaped]
    short = {"\b": b"b", "\f": b"f", "\n": b"n", "\r": b"r", "\t": b"t", '"': b'"', "/": b"/", "\\": rb"\\"}
    return [*forms, rb"\\" + short[character]] if character in short else forms


def _skip(text: str, at: int) -> int:
    """Where white space ends."""
    found = _SPACE.match(text, at)
    return found.end() if found else at
