"""A damaged block list: its hashes cannot be had back, so somebody has to give the ids again, or do without."""

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
    """Put a list of these ids in the place of what is damaged; lists that are sound stay, unless the salt is not.

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
    # Before what it stands for goes.
    objects.barrier()
    objects.delete(old for old in unusable if old != path)
    return kept


def drop_block_list(aside: Quarantine, damage: Damage) -> list[str]:
    """Do without what is damaged; where the salt is, nothing is blocked any more. Returns what was set aside."""
    kept = aside.move(_unusable(aside, damage))
    return kept + aside.move([SALT_PATH] if damage.salt else [])


def _unusable(aside: Quarantine, damage: Damage) -> list[str]:
    """Lists that cannot be asked: damaged ones, or all of them without their salt."""
    there = [path for path, _ in aside.objects.walk("blocked") if LIST_PATH.fullmatch(path)]
    return sorted(there if damage.salt else set(there) & set(damage.block_lists))
