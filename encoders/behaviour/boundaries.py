"""Numbers of tokens at which an encoder changes how it computes, as far as its settings name them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

NAMED = re.compile(
    r".*(window|chunk|landmark|stride|radius|original_max_position|context_left|context_right).*"
    r"|.*block_size|.*_seq_len|local_attention|max_(relative_)?distance"
)
"""Attention windows, blocks and chunks, landmarks, steps along the text, the length that positions were made for before
they were stretched: what transformers 5.23 calls such settings of its text models."""

CHOSEN = re.compile(r"index(er)?_(topk|topk_blocks|budget)|keep_window_size")
"""How many tokens each token attends to."""

UNNAMED = re.compile(
    r"chunk_size_feed_forward|.*chunks_(before|after)|max_window_layers|max_seq_len|.*_pattern|keep_window_size"
)
"""Settings with such names that say something else."""


def boundaries(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Numbers of tokens, rising, from a model's settings as a dict."""
    found = {value for name, value in _numbers(config) if NAMED.fullmatch(name) and not UNNAMED.fullmatch(name)}
    # BigBird is sparse beyond its first, last, random and three middle blocks, in both directions.
    block, random = config.get("block_size"), config.get("num_random_blocks")
    if isinstance(block, int) and isinstance(random, int):
        found.add((5 + 2 * random) * block)
    return tuple(sorted(value for value in found if value > 1))


def attended_limit(config: Mapping[str, Any]) -> int | None:
    """Tokens up to which each token attends to all; None where that is no matter of length.

    Beyond that, DeepSeek-V3.2 and its kin choose the best for each token. Many score the same, and which of them are
    taken depends on how long the batch is.
    """
    named = {name: value for name, value in _numbers(config) if CHOSEN.fullmatch(name)}
    blocks, size = named.pop("index_topk_blocks", None), config.get("index_block_size")
    limits = [*named.values(), *([blocks * size] if blocks is not None and isinstance(size, int) else [])]
    return min(limits, default=None)


def _numbers(settings: Any, name: str = "") -> Iterator[tuple[str, int]]:
    """Each whole number in the settings, however deep, with the name that it stands under."""
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from _numbers(value, str(key) if isinstance(value, int | list | tuple) else name)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from _numbers(value, name)
    elif isinstance(settings, int) and not isinstance(settings, bool):
        yield name, settings
