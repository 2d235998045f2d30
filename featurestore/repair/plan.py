"""What a repair would do: what is damaged, what can be in force again, and what is lost."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.common import ProgressCallback, silent
from encore.featurestore.errors import UsageError
from encore.featurestore.history import STORE_FILE, read_spec
from encore.featurestore.repair.damage import Damage
from encore.featurestore.repair.snapshots import SnapshotSurvey, survey_snapshots
from encore.featurestore.repair.store_file import old_store_id, rebuilt, sound_spec
from encore.featurestore.spec import FeatureSpec
from encore.featurestore.storage import Objects
from encore.featurestore.verification import Finding, HeldObjects, verify


@dataclass(frozen=True)
class RepairPlan:
    """What is damaged in a store, and what a repair makes of it.

    Attributes:
        objects: of the store, with `store.json` as it will be.
        damage: what a deep verification found.
        survey: what is whole of the snapshots.
        store_file: a new `store.json`, where it is damaged or gone.
        new_id: whether the store gets a new id with it: predictions of it are then another store's.
    """

    objects: Objects
    damage: Damage
    survey: SnapshotSurvey
    store_file: bytes | None
    new_id: bool

    @property
    def needed(self) -> bool:
        """Whether anything is damaged."""
        return bool(self.damage.findings)

    @property
    def spec(self) -> FeatureSpec:
        """The store's spec, as it will be."""
        spec = read_spec(self.objects)
        if spec is None:
            raise UsageError(f"{self.objects.uri}: no store here (no {STORE_FILE}); encore encode makes one")
        return spec

    def store_after(self) -> Catalogue:
        """The store as it will be before anything comes back, for a look that changes nothing."""
        store = Catalogue(self.objects, self.spec, self.survey.base)
        # Otherwise the store would read its entries from lists.
        vars(store)["entries"] = list(self.survey.kept)
        return store

    def remedy(self, finding: Finding) -> str:
        """What the repair does with the object that a finding names."""
        path = finding.object.removeprefix(f"{self.objects.uri}/")
        remedies = {
            STORE_FILE: f"made anew from a segment, with {'a new' if self.new_id else 'the same'} store id",
            "manifests/": "set aside; its number stays taken",
            "lists/": "set aside, with the snapshots that need it",
            "segments/": "its segment is taken off the list; what is damaged is set aside",
            "deletions/": "set aside; its segment is taken off the list: nobody knows which rows are hidden",
            "tags/": "set aside; tag the snapshot again",
            "blocked": "its hashes cannot be recovered: give the ids (--blocked-ids FILE), or let them in "
            "(--drop-block-list)",
        }
        return next((remedy for prefix, remedy in remedies.items() if path.startswith(prefix)), "set aside")

    def to_dict(self) -> dict[str, Any]:
        """JSON for programs."""
        survey = self.survey
        return {
            "findings": [
                {"object": it.object, "problem": it.problem, "action": self.remedy(it)} for it in self.damage.findings
            ],
            "snapshot_in_force": survey.base.version,
            "newest_snapshot": survey.newest,
            "unlisted": [
                {"segment": entry.segment, "documents": entry.live, "reason": reason}
                for entry, reason in survey.unlisted
            ],
            "retired_snapshots": list(survey.retired),
            "tags_set_aside": list(survey.tags),
            "documents": sum(entry.live for entry in survey.kept),
            "lost": survey.lost,
            "store_file": None if self.store_file is None else "new id" if self.new_id else "same id",
            "block_list_damaged": self.damage.block_list,
        }


def plan_repair(objects: Objects, *, store_id: str | None = None, progress: ProgressCallback = silent) -> RepairPlan:
    """Look at everything, change nothing. As `verify`, it takes the objects: a damaged store may not open.

    Args:
        objects: of the store.
        store_id: the store's id as its predictions folders give it; needed if `store.json` is damaged.
        progress: called after each segment that is checked.

    Raises:
        UsageError: there is no store here.
        StoreError: something is of a newer format, storage does not let it be read, or nothing is left that says which
            features the store holds.
    """
    view, file, new_id = objects, None, False
    findings: list[Finding] = []
    if sound_spec(objects) is None:
        if objects.size(STORE_FILE) is None and next(objects.walk("manifests"), None) is None:
            raise UsageError(f"{objects.uri}: no store here (no {STORE_FILE}); encore encode makes one")
        file = rebuilt(objects, uuid.uuid4().hex)
        known = old_store_id(objects, file) or store_id
        new_id = known is None
        file = file if known is None else rebuilt(objects, known)
        findings.append(Finding(objects.name(STORE_FILE), "missing or damaged", "it is made anew from a segment"))
        # All other checks compare with the spec that the repaired store will have.
        view = HeldObjects(objects)
        view.held[STORE_FILE] = file
    found = verify(view, deep=True, progress=progress)
    damage = Damage.of(objects, [*findings, *found.findings])
    return RepairPlan(view, damage, survey_snapshots(objects, damage), file, new_id)
