"""How the bytes of text files become text: what a user says about them beside their endings."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from encore.featurestore.errors import UsageError

UTF_8 = "utf-8"

_SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_NOT_TEXT = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}
"""Codecs of Python that are no encodings of files."""


@dataclass(frozen=True)
class TextOptions:
    """What the user says about JSON Lines and CSV files; Parquet and Arrow files need none of it.

    Attributes:
        encoding: a text codec of Python, by its canonical name.
        delimiter: what separates the cells of CSV: one ASCII character; None goes by the ending (comma, or tab).
        escape: what makes a quote inside a quoted CSV cell part of it. ``"`` is RFC 4180's doubling alone, and
            backslashes are data. Another ASCII character escapes quotes and itself. None is doubling too, but a
            backslash before a quote puts the row in doubt.

    Raises:
        UsageError: no such encoding, or a character that cannot serve.
    """

    encoding: str = UTF_8
    delimiter: str | None = None
    escape: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoding", _canonical(self.encoding))
        if self.delimiter is not None:
            spelled = _SPELLED.get(self.delimiter.lower(), self.delimiter)
            object.__setattr__(self, "delimiter", _character(spelled, "delimiter", '"\r\n\0'))
        if self.escape is not None:
            _character(self.escape, "escape", "\r\n\0")
        if self.escape is not None and self.escape == self.delimiter:
            raise UsageError(f"CSV escape {self.escape!r}: is the delimiter as well; choose another")

    def to_dict(self) -> dict[str, str]:
        """What differs from the defaults, for reports."""
        named = {"encoding": self.encoding, "csv_delimiter": self.delimiter, "csv_escape": self.escape}
        return {name: value for name, value in named.items() if value is not None and value != UTF_8}


def _canonical(name: str) -> str:
    try:
        found = codecs.lookup(name)
        usable = found._is_text_encoding and found.incrementaldecoder is not None and found.name not in _NOT_TEXT  # noqa: SLF001
    except (LookupError, ValueError):
        usable = False
    if not usable:
        raise UsageError(f"encoding {name!r}: Python knows no such text encoding; give one such as utf-16 or cp1252")
    return UTF_8 if found.name == "utf-8-sig" else found.name


def _character(text: str, what: str, never: str) -> str:
    if len(text) != 1 or not text.isascii() or text in never or text.isalnum():
        raise UsageError(f"CSV {what} {text!r}: expected one ASCII character that is no letter, digit or line end")
    return text


PLAIN_TEXT = TextOptions()
"""The defaults: the user says nothing."""
