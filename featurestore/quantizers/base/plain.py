"""The part shared by quantizers that take no options."""

from __future__ import annotations

from typing import ClassVar, Self

from encore.featurestore.errors import UsageError


class PlainRequest:
    """A quantizer whose request is its kind alone."""

    kind: ClassVar[str]

    @classmethod
    def parse(cls, words: tuple[str, ...]) -> Self:
        """The quantizer; raise UsageError if anything follows the kind."""
        if words:
            raise UsageError(
                f"quantizer {':'.join((cls.kind, *words))!r}: {cls.kind} takes no options; ask for {cls.kind}"
            )
        return cls()

    @property
    def request(self) -> str:
        """The kind."""
        return self.kind
