"""Hooks at the layers of an encoder, so that each layer's output can be used while the encoder runs on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, Self

import torch
from torch.nn import Module

Listener = Callable[[int, torch.Tensor], None]
"""Called with the number of a layer and its output (documents, longest, d), lowest layer first."""


class Output(Protocol):
    """What an encoder returns when asked for hidden states."""

    hidden_states: tuple[torch.Tensor, ...]


class LayerTaps:
    """Tells a listener of each layer's output.

    Threads share a model, and each has a listener of its own.

    Args:
        modules: layer number → the module that computes it; called once in a run of the encoder.
    """

    def __init__(self, modules: Mapping[int, Module]) -> None:
        self.numbers = frozenset(modules)
        self._listener: ContextVar[Listener | None] = ContextVar("listener", default=None)
        for number, module in modules.items():
            module.register_forward_hook(self._hook(number))

    @classmethod
    def find(cls, model: Module, run: Callable[[], Output]) -> Self:
        """Find the modules whose output is a hidden state, by running the encoder once.

        Some layers have no such module: layers may share one module, or code outside of modules makes the state. The
        last layer needs none, since the encoder returns its state.

        Args:
            model: the encoder.
            run: runs it once and returns all hidden states.
        """
        calls: list[tuple[Module, torch.Tensor]] = []

        def note(module: Module, _arguments: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) and output else output
            if isinstance(first, torch.Tensor):
                calls.append((module, first))

        handles = [module.register_forward_hook(note) for module in model.modules()]
        try:
            states = run().hidden_states
        finally:
            for handle in handles:
                handle.remove()
        often = {id(module) for at, (module, _) in enumerate(calls) if any(module is other for other, _ in calls[:at])}
        modules = {}
        for number, state in enumerate(states[1:-1], start=1):
            of_state = [module for module, output in calls if output is state and id(module) not in often]
            if of_state:
                modules[number] = of_state[-1]
        return cls(modules)

    @contextmanager
    def heard_by(self, listener: Listener) -> Iterator[None]:
        """Call ``listener`` with the layers of every run of this thread inside the context."""
        token = self._listener.set(listener)
        try:
            yield
        finally:
            self._listener.reset(token)

    def _hook(self, number: int) -> Callable[[Module, Any, Any], None]:
        def tell(_module: Module, _arguments: Any, output: Any) -> None:
            listener = self._listener.get()
            if listener is not None:
                listener(number, output[0] if isinstance(output, tuple) else output)

        return tell
