"""Files of document ids: one id a line, or a column of Parquet, JSON Lines or CSV."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from featurestore import UsageError
from featurestore.named_files import read_file
from heads.label_files import READERS, read_columns
from heads.labels import text_column

LINES = ".txt"


def read_ids(name: str, column: str) -> pa.Array:
    """The ids of a file, in its order; rows and lines without one are left out.

    Args:
        name: path or URL; its ending says what it is.
        column: name of the column of ids; not for a .txt, which has an id a line.

    Raises:
        UsageError: no such file, an unknown ending, a file that is not what its ending says, or no such column.
    """
    if name.lower().endswith(LINES):
        try:
            lines = read_file(name).decode("utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise UsageError(f"{name}: is not UTF-8 text: {error.reason} at byte {error.start}") from error
        ids = pa.array((line.removesuffix("\r") for line in lines), pa.string())
    elif name.lower().endswith(tuple(READERS)):
        ids = text_column(read_columns(name, (column,)), column, name).drop_null().combine_chunks()
    else:
        raise UsageError(f"{name}: unknown ending; files of ids end in {LINES}, {', '.join(READERS)}")
    return ids.filter(pc.not_equal(ids, ""))
