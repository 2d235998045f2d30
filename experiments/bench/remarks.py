"""Messages of a long experiment while it runs."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]
"""Called with a message about the next step or about a result."""
