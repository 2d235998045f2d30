"""The encode job: a corpus into a store."""

from encore.pipelines.encoding.job import EncodeRequest, encode

__all__ = ["EncodeRequest", "encode"]
