"""A damaged block list: its hashes cannot be recovered, so the user gives the ids again or does without it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore.documents import id_array
from encore.featurestore.history import LIST_PATH, SALT_BYTES, SALT_PATH, list_of, read_salt
from encore.featurestore.repair.damage import Damage
from encore.featurestore.repair.quarantine import Quarantine


def rebuild_block_list(aside: Quarantine, damage: Damage, ids: Sequence[str] | pa.Array) -> list[str]:
    """Replace damaged lists by a list of these ids. Sound lists stay, unless the salt is damaged.

    At every moment either the ids are blocked, or jobs refuse the list as damaged. Returns what was set aside.

    Raises:
        DataError: an id is null.
    """
    objects, unusable = aside.objects, _unusable(aside, damage)
    kept = aside.keep_all([SALT_PATH, *unusable] if damage.salt else unusable)
    if damage.salt:
        objects.replace(SALT_PATH, secrets.token_bytes(SALT_BYTES))
    else:
        objects.create(SALT_PATH, secrets.token_bytes(SALT_BYTES))
    path, data = list_of(pc.unique(id_array(ids)), read_salt(objects))
    objects.replace(path, data)
    # The new list must be on the disk before the lists that it replaces go.
    objects.barrier()
    objects.delete(old for old in unusable if old != path)
    return kept


def drop_block_list(aside: Quarantine, damage: Damage) -> list[str]:
    """Set damaged lists aside; without a sound salt, nothing is blocked any more. Returns what was set aside."""
    kept = aside.move(_unusable(aside, damage))
    return kept + aside.move([SALT_PATH] if damage.salt else [])


def _unusable(aside: Quarantine, damage: Damage) -> list[str]:
    """Lists that cannot be used: damaged ones, or all of them if the salt is damaged."""
    there = [path for path, _ in aside.objects.walk("blocked") if LIST_PATH.fullmatch(path)]
    return sorted(there if damage.salt else set(there) & set(damage.block_lists))
