"""What may stand on a terminal: every text that is data, of libraries or of users goes through here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment


class SafeConsole(Console):
    """A console on which no text is an order to the terminal: ids, names of classes and encoders, paths, errors."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is drawn, in which only the console's own control codes are left."""
        for segment in super().render(renderable, options):
            safe = segment.control or segment.text.isprintable() or segment.text == "\n"
            yield segment if safe else Segment(printable(segment.text, keep="\n"), segment.style)


def printable(text: str, keep: str = "") -> str:
    """A text as a terminal may show it: an id or a label is data, and its control characters are not for the terminal.

    Args:
        text: any text.
        keep: control characters that stay.
    """
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def without_secrets(text: str, words: Sequence[str] = ()) -> str:
    """A text without the credentials in URLs in it, and without those in a user's words that it may repeat."""
    if not words and not {"?", "@"} & set(text):
        return text
    # Imported late: torch comes with it, and wrong usage is told at once.
    from featurestore.addresses import masked, without_credentials  # noqa: PLC0415

    for word in words:
        text = text.replace(word, without_credentials(word))
    return masked(text)
