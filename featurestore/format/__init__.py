"""What every stored file has in common: names, seals, tombstones, Parquet within bounds, references."""

from encore.featurestore.format.names import (
    LONG,
    SHORT,
    WRITE_ID,
    all_counts,
    all_match,
    is_below_attempt,
    is_count,
    is_long,
    is_short,
    new_run_id,
)
from encore.featurestore.format.parquet import (
    DIGEST_ROW_BYTES,
    MAGIC,
    ROWS,
    DamagedParquet,
    decoded,
    end_of,
    footer_of,
    names_in,
    parse_footer,
    read_parquet,
    read_schema,
)
from encore.featurestore.format.references import missing_reference, read_reference
from encore.featurestore.format.seals import is_of_another_format, parse_json, seal, unseal
from encore.featurestore.format.tombstones import EMPTIED, START, is_emptied, object_state, opened, retire
from encore.featurestore.format.version import FORMAT_VERSION, require_version

__all__ = [
    "DIGEST_ROW_BYTES",
    "EMPTIED",
    "FORMAT_VERSION",
    "LONG",
    "MAGIC",
    "ROWS",
    "SHORT",
    "START",
    "WRITE_ID",
    "DamagedParquet",
    "all_counts",
    "all_match",
    "decoded",
    "end_of",
    "footer_of",
    "is_below_attempt",
    "is_count",
    "is_emptied",
    "is_long",
    "is_of_another_format",
    "is_short",
    "missing_reference",
    "names_in",
    "new_run_id",
    "object_state",
    "opened",
    "parse_footer",
    "parse_json",
    "read_parquet",
    "read_reference",
    "read_schema",
    "require_version",
    "retire",
    "seal",
    "unseal",
]
