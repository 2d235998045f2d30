"""A loaded Transformer in memory: its handle, hooks at its layers, its state, and faster affine maps."""

from encore.encoders.transformer.encoder import Encoder
from encore.encoders.transformer.onednn import MULTIPLE, has_onednn, use_onednn
from encore.encoders.transformer.state import ModelState, restored_after, state_changes, state_of
from encore.encoders.transformer.taps import LayerTaps

__all__ = [
    "MULTIPLE",
    "Encoder",
    "LayerTaps",
    "ModelState",
    "has_onednn",
    "restored_after",
    "state_changes",
    "state_of",
    "use_onednn",
]
