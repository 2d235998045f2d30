"""Files of document ids: one id a line, or a column of any table that encode reads."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from encore.featurestore import DataError, UsageError
from encore.featurestore.storage import read_file
from encore.heads.labels import read_columns
from encore.tablefiles import PLAIN_TEXT, TextOptions
from encore.tablefiles.files import codec_of_name, plain_name
from encore.tablefiles.formats import ENDINGS, format_of_name

LINES = ".txt"


def read_ids(name: str, column: str, options: TextOptions = PLAIN_TEXT) -> pa.Array:
    """The ids of a file, in its order. Rows and lines without an id are left out.

    Args:
        name: path or URL. Its ending gives the format. A folder or a glob means the tables in it.
        column: name of the column of ids. A .txt has none: it has an id a line.
        options: encoding and CSV dialect.

    Raises:
        UsageError: no such file, an unknown ending, a file that is not what its ending says, or no such column.
        DataError: a row cannot be read.
    """
    if plain_name(name).endswith(LINES):
        ids = _lines(name, options)
    elif "." in name.rpartition("/")[2] and format_of_name(name) is None:
        raise UsageError(f"{name}: unknown ending; files of ids end in {LINES}, {', '.join(ENDINGS)}")
    else:
        ids = read_columns(name, column, (column,), options)[column].drop_null().combine_chunks()
    return ids.filter(pc.not_equal(ids, ""))


def _lines(name: str, options: TextOptions) -> pa.Array:
    try:
        text = _unpacked(name).decode(options.encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        encoding = options.encoding.upper()
        raise UsageError(
            f"{name}: is not {encoding} text: {error.reason} at byte {error.start}; name its encoding with --encoding"
        ) from error
    return pa.array((line.removesuffix("\r") for line in text.split("\n")), pa.string())


def _unpacked(name: str) -> bytes:
    data = read_file(name)
    codec = codec_of_name(name)
    if codec is None:
        return data
    try:
        return bytes(pa.CompressedInputStream(pa.BufferReader(data), codec).read())
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: cannot be unpacked as {codec}: {error}; make the file again") from error
