"""What a store was at each snapshot: its description, manifests, tags and block list."""

from encore.featurestore.history.block_list import (
    HASH_TYPE,
    LIST_PATH,
    NOTHING,
    SALT_BYTES,
    SALT_CHECK,
    SALT_PATH,
    BlockList,
    block,
    blocked,
    list_of,
    read_salt,
)
from encore.featurestore.history.log import version_log
from encore.featurestore.history.snapshot_choice import manifest_to_read
from encore.featurestore.history.store_file import (
    STORE_FILE,
    create_store_file,
    read_spec,
    read_store_id,
    require_no_snapshots,
    require_spec,
    store_file_of,
)
from encore.featurestore.history.tags import (
    TAG_NAME,
    add_tag,
    read_tags,
    remove_tag,
    snapshot_number,
    tag_names,
    tag_path,
)
from encore.featurestore.history.torn_writes import require_records
from encore.featurestore.history.versions import EMPTY, MANIFEST, Manifest, VersionLog, list_path, manifest_path

__all__ = [
    "EMPTY",
    "HASH_TYPE",
    "LIST_PATH",
    "MANIFEST",
    "NOTHING",
    "SALT_BYTES",
    "SALT_CHECK",
    "SALT_PATH",
    "STORE_FILE",
    "TAG_NAME",
    "BlockList",
    "Manifest",
    "VersionLog",
    "add_tag",
    "block",
    "blocked",
    "create_store_file",
    "list_of",
    "list_path",
    "manifest_path",
    "manifest_to_read",
    "read_salt",
    "read_spec",
    "read_store_id",
    "read_tags",
    "remove_tag",
    "require_no_snapshots",
    "require_records",
    "require_spec",
    "snapshot_number",
    "store_file_of",
    "tag_names",
    "tag_path",
    "version_log",
]
