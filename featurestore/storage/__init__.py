"""Bytes under names, on a disk or in object storage: addressed, requested, tried again, synced."""

from encore.featurestore.storage.addresses import Address, masked, without_credentials
from encore.featurestore.storage.cache import CachedObjects
from encore.featurestore.storage.links import LINK_ADVICE
from encore.featurestore.storage.local_files import exchange
from encore.featurestore.storage.objects import OBJECTS_AT_ONCE, REQUESTS_AT_ONCE, ListedObject, Objects
from encore.featurestore.storage.replacement import whole_file
from encore.featurestore.storage.retries import TRIES_BESIDE_VACUUM
from encore.featurestore.storage.sync import NO_SYNC, make_folder, sync_file, sync_folder, sync_tree
from encore.featurestore.storage.user_files import check_file, check_folder, local_folder, new_file, read_file

__all__ = [
    "LINK_ADVICE",
    "NO_SYNC",
    "OBJECTS_AT_ONCE",
    "REQUESTS_AT_ONCE",
    "TRIES_BESIDE_VACUUM",
    "Address",
    "CachedObjects",
    "ListedObject",
    "Objects",
    "check_file",
    "check_folder",
    "exchange",
    "local_folder",
    "make_folder",
    "masked",
    "new_file",
    "read_file",
    "sync_file",
    "sync_folder",
    "sync_tree",
    "whole_file",
    "without_credentials",
]
