"""Answers that threads share: each question is answered once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock


class Memo:
    """Question → answer. While one thread looks for an answer, the others wait."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, bool] = {}
        self._lock = Lock()

    def ask(self, question: Hashable, find: Callable[[], bool]) -> bool:
        """The answer, found by ``find`` if nobody asked before; what ``find`` raises is not kept."""
        with self._lock:
            if question not in self._answers:
                self._answers[question] = find()
            return self._answers[question]
