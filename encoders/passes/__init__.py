"""One batch through the encoder: tensors in, pooled float features out."""

from encore.encoders.passes.cores import SharedCores
from encore.encoders.passes.features import encode_batch, finite_documents
from encore.encoders.passes.inputs import batch_inputs
from encore.encoders.passes.layers import hidden_states
from encore.encoders.passes.positions import StoredPositions
from encore.encoders.passes.transfer import HostCopy

__all__ = [
    "HostCopy",
    "SharedCores",
    "StoredPositions",
    "batch_inputs",
    "encode_batch",
    "finite_documents",
    "hidden_states",
]
