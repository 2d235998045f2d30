"""The affine maps of a frozen encoder on a CPU, by oneDNN with weights in a layout of its own.

torch's float32 product is MKL's, which uses only half the vector width on processors that are not Intel's. There
minilm's forward pass takes half the time with oneDNN. The two round differently, by some 1e-6 of a feature.
"""

from __future__ import annotations

import platform
from collections.abc import Callable

import torch
from torch.nn import GELU, Identity, Linear, Module, Parameter
from transformers.activations import GELUActivation

from encore.featurestore.errors import UsageError

LAYOUT_ROWS = 2048
"""Number of rows for which oneDNN chooses the layout of the weights: that of a batch on a CPU. Any number works."""

MULTIPLE = 64
"""The number of rows of a batch is a multiple of this. For each number of rows oneDNN generates code, 0.3 to 1.7 MB a
map, and keeps it as long as the process lives. With multiples of 64 up to 2,048 there are only 32 numbers."""

PROCESSORS = ("x86_64", "AMD64")
"""Processors on which oneDNN's products were measured."""


class OneDnnLinear(Module):
    """x ↦ act(x Wᵀ + b) for inference: (..., inputs) to (..., outputs).

    Attributes:
        weight: weight of the original map, in oneDNN's layout. Only its shape and dtype can be read.
        bias: bias of the original map; None where it has none.
        activation: ``none``, or ``gelu``: the exact GELU, computed while the result is in the cache.
    """

    def __init__(self, linear: Linear, *, gelu: bool = False) -> None:
        super().__init__()
        packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach().contiguous(), LAYOUT_ROWS)  # noqa: SLF001 (torch has no other name for it)
        self.weight = Parameter(packed, requires_grad=False)
        self.bias = linear.bias
        self.activation = "gelu" if gelu else "none"

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Apply the map.

        Raises:
            RuntimeError: it is used in training, where it would silently learn nothing.
        """
        if self.weight.requires_grad and torch.is_grad_enabled():
            raise RuntimeError("this encoder was loaded for inference alone; load it with trainable=True")
        mapped: torch.Tensor = torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001 (torch has no other name for it)
            values, self.weight, self.bias, self.activation, [], "none"
        )
        return mapped


def has_onednn() -> bool:
    """Whether this torch has oneDNN's products, and this is a processor on which they were measured."""
    available = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    named = all(hasattr(torch.ops.mkldnn, name) for name in ("_linear_pointwise", "_reorder_linear_weight"))
    return available and named and platform.machine() in PROCESSORS


def computes_in(dtype: torch.dtype) -> bool:
    """Whether oneDNN multiplies this type here: few processors have the instructions for half precision."""
    supported = {torch.bfloat16: "_is_mkldnn_bf16_supported", torch.float16: "_is_mkldnn_fp16_supported"}
    if dtype not in supported:
        return dtype == torch.float32
    asked = getattr(torch.ops.mkldnn, supported[dtype], None)
    return asked is not None and bool(asked())


def use_onednn(model: Module, probe: Callable[[], object]) -> bool:
    """Let oneDNN compute the affine maps of a frozen model, in place. Then it can be neither trained nor saved.

    This replaces only `Linear` itself and no subclass. It leaves a map whose weights another module shares, or whose
    type oneDNN does not take here.

    Args:
        model: the model, in evaluation mode, on the CPU.
        probe: runs the model once, and raises UsageError where that fails: some models use the weights of their maps
            without calling the maps. Such a model is left as it was.

    Returns:
        Whether the model was changed.
    """
    shared = _shared_parameters(model)
    before: list[tuple[Module, str, Module]] = []
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is not Linear or id(child.weight) in shared or not computes_in(child.weight.dtype):
                continue
            gelu = _ends_in_gelu(module, name)
            if gelu:
                before.append((module, "intermediate_act_fn", module.intermediate_act_fn))  # type: ignore[arg-type]
                module.intermediate_act_fn = Identity()
            before.append((module, name, child))
            setattr(module, name, OneDnnLinear(child, gelu=gelu))
    try:
        probe()
    except UsageError:
        for module, name, child in before:
            setattr(module, name, child)
        return False
    return bool(before)


def _ends_in_gelu(module: Module, name: str) -> bool:
    """Whether a map is followed by the GELU of a feed-forward block, in the layout of BERT and similar models."""
    children = dict(module.named_children())
    if name != "dense" or children.keys() != {"dense", "intermediate_act_fn"}:
        return False
    activation = children["intermediate_act_fn"]
    return isinstance(activation, GELUActivation) or (isinstance(activation, GELU) and activation.approximate == "none")


def _shared_parameters(model: Module) -> set[int]:
    """Ids of the parameters that more than one module holds, such as an output map tied to the embeddings."""
    held: set[int] = set()
    shared: set[int] = set()
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            (shared if id(parameter) in held else held).add(id(parameter))
    return shared
