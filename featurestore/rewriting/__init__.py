"""Stores written anew out of themselves: compaction, deletion, copies."""

from encore.featurestore.rewriting.compaction import Compaction, compact
from encore.featurestore.rewriting.copies import copy_store
from encore.featurestore.rewriting.deletion import delete

__all__ = ["Compaction", "compact", "copy_store", "delete"]
