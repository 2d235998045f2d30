"""Verification: everything that the kept snapshots need is there, is what was written, and is consistent."""

from encore.featurestore.verification.findings import UNREAD, Audit, Finding
from encore.featurestore.verification.lists import Span
from encore.featurestore.verification.segment import check_segment
from encore.featurestore.verification.segment_objects import HeldObjects
from encore.featurestore.verification.snapshots import check_manifests
from encore.featurestore.verification.store import Verification, verify

__all__ = [
    "UNREAD",
    "Audit",
    "Finding",
    "HeldObjects",
    "Span",
    "Verification",
    "check_manifests",
    "check_segment",
    "verify",
]
