"""The encode job: a corpus into a store."""

from encore.pipelines.encoding.job import EncodeRequest, encode
from encore.pipelines.encoding.resident_encoders import resident_encoder

__all__ = ["EncodeRequest", "encode", "resident_encoder"]
