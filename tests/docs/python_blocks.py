"""The Python of a page, as its tests run it."""

from __future__ import annotations

import re
from pathlib import Path

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"


def python_blocks(page: str) -> list[str]:
    """The Python blocks of a how-to page, in their order."""
    return re.findall(r"^```python\n(.*?)^```", (HOW_TO / page).read_text(), flags=re.MULTILINE | re.DOTALL)
