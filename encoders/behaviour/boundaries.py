"""Boundaries: numbers of tokens at which an encoder starts to compute in another way, read from its settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

NAMED = re.compile(
    r".*(window|chunk|landmark|stride|radius|original_max_position|context_left|context_right).*"
    r"|.*block_size|.*_seq_len|local_attention|max_(relative_)?distance"
)
"""Names of settings that hold a boundary, in text models of transformers 5.23: attention windows, blocks and chunks,
landmarks, strides, and the original length of positions that were stretched."""

CHOSEN = re.compile(r"index(er)?_(topk|topk_blocks|budget)|keep_window_size")
"""Names of settings for the number of tokens that each token chooses to attend to."""

UNNAMED = re.compile(
    r"chunk_size_feed_forward|.*chunks_(before|after)|max_window_layers|max_seq_len|.*_pattern|keep_window_size"
)
"""Names of settings that match `NAMED` but hold no boundary."""


def boundaries_of(config: Mapping[str, Any]) -> tuple[int, ...]:
    """All boundaries, rising, in a model's settings (a dict)."""
    found = {value for name, value in _numbers(config) if NAMED.fullmatch(name) and not UNNAMED.fullmatch(name)}
    # BigBird's attention becomes sparse for texts longer than these blocks: first, last, three middle, random.
    block, random = config.get("block_size"), config.get("num_random_blocks")
    if isinstance(block, int) and isinstance(random, int):
        found.add((5 + 2 * random) * block)
    return tuple(sorted(value for value in found if value > 1))


def attended_limit(config: Mapping[str, Any]) -> int | None:
    """Most tokens of a text in which each token attends to all; None where that does not depend on the length.

    In longer texts DeepSeek-V3.2 and similar models choose the best tokens for each token. Many scores are equal, and
    the length of the batch decides between them.
    """
    named = {name: value for name, value in _numbers(config) if CHOSEN.fullmatch(name)}
    blocks, size = named.pop("index_topk_blocks", None), config.get("index_block_size")
    limits = [*named.values(), *([blocks * size] if blocks is not None and isinstance(size, int) else [])]
    return min(limits, default=None)


def _numbers(settings: Any, name: str = "") -> Iterator[tuple[str, int]]:
    """Each integer in the settings, at any depth, with its name."""
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from _numbers(value, str(key) if isinstance(value, int | list | tuple) else name)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from _numbers(value, name)
    elif isinstance(settings, int) and not isinstance(settings, bool):
        yield name, settings
