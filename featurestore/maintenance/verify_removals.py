"""Journals of removals: whoever looks for what a removal took must be able to read them."""

from __future__ import annotations

from featurestore.errors import StoreError
from featurestore.maintenance.verify_findings import Audit
from featurestore.removals import FOLDER, UNREADABLE, parse_journal


def check_journals(audit: Audit) -> None:
    """Note every journal that cannot be read; one that goes meanwhile belonged to a removal that has ended."""
    for path, _ in list(audit.objects.walk(FOLDER)):
        try:
            data = audit.objects.get(path)
            audit.compared(path, len(data))
            parse_journal(data, audit.objects.name(path))
        except FileNotFoundError:
            continue
        except StoreError as error:
            audit.refused(path, error, UNREADABLE)
