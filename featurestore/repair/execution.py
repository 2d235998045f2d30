"""Carrying a repair out: a snapshot of what is whole, and everything that is damaged set aside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from encore.featurestore.catalogue import Catalogue
from encore.featurestore.commits import ATTEMPTS
from encore.featurestore.errors import CommitConflict, StoreError
from encore.featurestore.format import new_run_id
from encore.featurestore.history import MANIFEST, STORE_FILE, Manifest, blocked, manifest_path, tag_path, version_log
from encore.featurestore.repair.block_list import drop_block_list, rebuild_block_list
from encore.featurestore.repair.damage import Damage
from encore.featurestore.repair.plan import RepairPlan
from encore.featurestore.repair.quarantine import Quarantine
from encore.featurestore.repair.snapshots import SnapshotSurvey, survey_snapshots
from encore.featurestore.segments import SegmentEntry, drop_documents, entry_table, record_path, snapshot_counts
from encore.featurestore.storage import REQUESTS_AT_ONCE, Objects


@dataclass(frozen=True)
class BlockListChoice:
    """What to do about a damaged block list; by default nothing.

    Attributes:
        ids: the ids that are to be blocked.
        drop: whether to let in all documents that the damaged lists blocked.
    """

    ids: Sequence[str] | pa.Array | None = None
    drop: bool = False

    @property
    def made(self) -> bool:
        """Whether something is to be done."""
        return self.drop or self.ids is not None


@dataclass(frozen=True)
class Repair:
    """A repair that was carried out.

    Attributes:
        repair: its id, which names its report below ``runs/`` and its folder below ``aside/``; empty if it did nothing.
        snapshot: number of the snapshot that it published, or of the newest.
        survey: the snapshots as it found them.
        aside: paths of what it set aside.
        left: what it could not repair, and what to do about it.
    """

    repair: str
    snapshot: int
    survey: SnapshotSurvey
    aside: tuple[str, ...]
    left: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """JSON for programs."""
        return {
            "repair": self.repair,
            "snapshot": self.snapshot,
            "set_aside": list(self.aside),
            "left": list(self.left),
        }


def carry_out(objects: Objects, plan: RepairPlan, block_list: BlockListChoice | None = None) -> Repair:
    """Repair a store as far as that is possible without its documents.

    After an interruption, another repair continues: damage that was not set aside yet is found again.

    Args:
        objects: of the store.
        plan: what was found.
        block_list: what to do about a damaged block list.

    Raises:
        CommitConflict: other writers were first too many times in a row.
    """
    choice = block_list or BlockListChoice()
    left = () if choice.made or not plan.damage.block_list else (BLOCK_LIST_LEFT,)
    # Documents of an older snapshot may have been blocked since.
    if left and (not plan.damage.elsewhere or plan.survey.is_older):
        return Repair("", plan.survey.newest, plan.survey, (), left)
    objects.require_no_links()
    aside = Quarantine(objects, new_run_id())
    objects.put(
        f"runs/{aside.repair}/started.json", json.dumps({"job": "repair", "snapshot": plan.survey.newest}).encode()
    )
    damage, moved = plan.damage, []
    if plan.store_file is not None:
        moved += aside.keep_all([STORE_FILE])
        objects.barrier()
        objects.replace(STORE_FILE, plan.store_file)
    if damage.block_list and choice.ids is not None:
        moved += rebuild_block_list(aside, damage, choice.ids)
    elif damage.block_list and choice.drop:
        moved += drop_block_list(aside, damage)
    survey, manifest = _publish(plan, objects)
    moved += _set_aside(aside, damage, survey)
    done = Repair(aside.repair, manifest.version, survey, tuple(sorted(moved)), left)
    report = {"job": "repair", "store": objects.uri, **plan.to_dict(), **done.to_dict(), "exit_code": 1 if left else 0}
    objects.put(f"runs/{aside.repair}/report.json", json.dumps(report, indent=1).encode())
    return done


BLOCK_LIST_LEFT = (
    "the block list is damaged, and its ids cannot be recovered. Nothing is encoded, since blocked documents would "
    "come in. Give their ids (--blocked-ids FILE), or let them in (--drop-block-list)"
)


def _publish(plan: RepairPlan, objects: Objects) -> tuple[SnapshotSurvey, Manifest]:
    """Publish what is whole, after whatever was published meanwhile: what the verification did not see is new."""
    for _ in range(ATTEMPTS):
        survey = survey_snapshots(objects, plan.damage)
        kept = _without_blocked(Catalogue(objects, plan.spec, survey.base), survey) if survey.is_older else survey.kept
        gone = sum(entry.live for entry, _ in survey.unlisted)
        counts = snapshot_counts(kept) | _blocked(objects, survey)
        counts |= {"unlisted": len(survey.unlisted), "lost": gone if survey.lost is None else survey.lost}
        manifest = version_log(objects).publish(survey.parent, "repair", counts, entry_table(kept))
        if manifest is not None:
            return survey, manifest
    raise CommitConflict(f"{objects.uri}: other writers were first {ATTEMPTS} times in a row; run the command again")


def _blocked(objects: Objects, survey: SnapshotSurvey) -> dict[str, int]:
    """The number of blocked ids; the last known number if the list is damaged and stays so."""
    try:
        count = len(blocked(objects))
    except StoreError:
        count = survey.counted.get("blocked", 0)
    return {"blocked": count} if count else {}


def _without_blocked(store: Catalogue, survey: SnapshotSurvey) -> list[SegmentEntry]:
    """The kept segments, without documents that were blocked after the snapshot that is restored."""
    block_list = blocked(store.objects)

    def hidden(entry: SegmentEntry) -> SegmentEntry:
        mask = block_list.mask(store.reader(entry).index(["doc_id"])["doc_id"])
        return drop_documents(store.objects, entry, [np.flatnonzero(mask)]) if mask.any() else entry

    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        return list(pool.map(hidden, survey.kept))


def _set_aside(aside: Quarantine, damage: Damage, survey: SnapshotSurvey) -> list[str]:
    """Set aside everything that is damaged, from tags downwards: an object stays for as long as another names it."""
    tags = aside.move(tag_path(name) for name in survey.tags)
    manifests = aside.retire(manifest_path(number) for number in survey.retired)
    records = aside.retire(record_path(segment) for segment in sorted(damage.segments))
    stay = ("blocked", "tags/", STORE_FILE)
    rest = [path for path in sorted(damage.paths) if not path.startswith(stay) and not MANIFEST.fullmatch(path)]
    return [*tags, *manifests, *records, *aside.move(set(rest) - set(map(record_path, damage.segments)))]
