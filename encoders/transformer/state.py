"""Finding and undoing the changes that a forward pass makes in a model, so that a test run does not change it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import Module

ModelState = Mapping[str, Any]
"""Name → value of each attribute of a simple type and of each buffer."""

HOOKS = "hook"
"""Part of the names of hooks and of their flags. transformers adds hooks of its own, once, in a model's first run, to
collect hidden states. They are not taken back."""

SIMPLE = (bool, int, float, str, type(None))


@contextmanager
def restored_after(model: Module) -> Iterator[None]:
    """At the end of the context, undo all changes of the model: attributes, submodules, buffers, settings.

    For example, BigBird permanently replaces its attention at the first short text. Other models cache results.
    """
    holders = list(_holders(model))
    attributes = [(holder, _copy(vars(holder))) for holder in holders]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        for holder, before in attributes:
            _put_back(vars(holder), before)
        for buffer, value in buffers:
            if not torch.equal(buffer, value):
                buffer.copy_(value)


def state_of(model: Module) -> ModelState:
    """The simple attributes and the buffers of all modules as they are now."""
    found: dict[str, Any] = {}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, SIMPLE):
                found[f"{path}.{name}"] = value
        found |= {f"{path}.{name}": buffer.clone() for name, buffer in module.named_buffers(recurse=False)}
    return found


def state_changes(before: ModelState, after: ModelState) -> list[str]:
    """Names that both states have with different values."""
    return [name for name, value in before.items() if name in after and not _same(value, after[name])]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one, other)
    return bool(one is other or one == other)


def _holders(model: Module) -> Iterator[Any]:
    """The modules and their configurations."""
    known: set[int] = set()
    for module in model.modules():
        yield module
        config = getattr(module, "config", None)
        if hasattr(config, "__dict__") and id(config) not in known:
            known.add(id(config))
            yield config


def _copy(attributes: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """All values, with copies of dicts: the tables of submodules, buffers and parameters are dicts."""
    return {
        name: (value, dict(value) if isinstance(value, dict) else None)
        for name, value in attributes.items()
        if HOOKS not in name
    }


def _put_back(attributes: dict[str, Any], before: dict[str, tuple[Any, Any]]) -> None:
    for name in [name for name in attributes if name not in before and HOOKS not in name]:
        del attributes[name]
    for name, (value, content) in before.items():
        attributes[name] = value
        # Compare by identity: comparing tensors would compute.
        if content is not None and [*map(id, value.values())] != [*map(id, content.values())]:
            value.clear()
            value.update(content)
