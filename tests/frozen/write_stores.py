"""Writes the stores of a format version, once and for ever: `python -m tests.frozen.write_stores FOLDER`.

What they hold is decoded with zarr, pyarrow and numpy alone, and lies in an `.npz` file beside each store.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zarr

from encore.cli.main import run
from tests.models import tiny_bert

UINT8 = "--layers stack:2 --positions cls --quantizer uint8:per-dimension:histogram --codec zstd"
SIGN = "--layers mean:2 --quantizer sign"
COMMANDS = (
    f"encode a.parquet --store sign $WITH {SIGN}",
    "tag first --store sign",
    f"encode b.parquet --store sign $WITH {SIGN}",
    "delete d3 --store sign",
    "delete d12 --store sign --block",
    "compact --store sign",
    f"encode c.parquet --store sign $WITH {SIGN}",
    "delete d15 --store sign",
    f"encode a.parquet --store uint8 $WITH {UINT8}",
    "encode pairs.parquet --store float16 $WITH --layers last --quantizer float16 --pair-column second --codec blosc",
    "derive --from float16 --store int4 --quantizer int4",
    "derive --from float16 --store int2 --quantizer int2",
    "derive --from float16 --store sign-centred --quantizer sign-centred",
    "train labels.csv --store sign --out parity --epochs 2",
    "backfill --store sign --head parity --out predictions",
)
WITH = "--encoder tiny --device cpu --keep-columns year --unit-rows 6"
STORES = ("sign", "uint8", "float16", "int4", "int2", "sign-centred")


def write_inputs() -> None:
    """The tables and the encoder that the commands name, in the working directory."""

    def text(number: int, word: str = "news") -> str:
        return " ".join(["good", word, *["film"] * (number % 5)])

    def table(name: str, numbers: range, text_of: Callable[[int], str], **more: Any) -> None:
        ids, texts = [f"d{i}" for i in numbers], [text_of(i) for i in numbers]
        years = pa.array([1997 + i for i in numbers], pa.int32())
        pq.write_table(pa.table({"doc_id": ids, "text": texts, "year": years, **more}), f"{name}.parquet")

    tiny_bert("tiny", layers=3, hidden=16)
    table("a", range(10), text)
    table("b", range(8, 20), lambda i: text(i, "bad" if i < 10 else "news"))
    pairs = {"second": pa.array([None if i == 2 else "is bad" for i in range(6)], pa.string())}
    table("pairs", range(6), text, **pairs)
    late = pa.table(
        {"doc_id": ["é1", "empty"], "text": ["the news", "\u200b"], "year": pa.array([2001, 2002], pa.int32())}
    )
    pq.write_table(late, "c.parquet")
    labels = [f"d{i},{'odd' if i % 2 else 'even'}" for i in range(12) if i != 3]
    Path("labels.csv").write_text("\n".join(["doc_id,label", *labels, ""]))


def decode(store: Path) -> dict[str, Any]:
    """What the newest snapshot of a store holds: ids, digests of texts (hex), rows of each document, and all rows."""
    found: dict[str, list[Any]] = {"doc_ids": [], "text_digests": [], "lengths": [], "values": []}
    manifest = json.loads(max((store / "manifests").iterdir()).read_bytes())
    rows = {}
    for part in manifest["lists"]:
        for row in pq.read_table(store / "lists" / f"{part['digest']}.parquet").to_pylist():
            rows[row["segment"]] = row
    for row in (row for row in rows.values() if not row["removed"]):
        folder = store / "segments" / row["segment"] / row["attempt"]
        group = zarr.open_group(folder, mode="r")
        offsets, values = group["offsets"][:], unpack(group["features"])
        index = pq.read_table(folder / "documents.parquet")
        vector = row["deletions"] and pq.read_table(store / "deletions" / row["deletions"])["document"].to_pylist()
        for document in sorted({*range(row["documents"])} - {*(vector or ())}):
            rows_of = values[offsets[document] : offsets[document + 1]]
            found["doc_ids"].append(index["doc_id"][document].as_py())
            found["text_digests"].append(index["text_digest"][document].as_py().hex())
            found["lengths"].append(len(rows_of))
            found["values"].append(rows_of)
    return {**found, "values": np.concatenate(found["values"])}


def unpack(features: Any) -> np.ndarray:
    """Float32 of an array's packed numbers."""
    packed, width, quantizer = features[:], features.attrs["width"], dict(features.attrs["quantizer"])
    kind = quantizer["request"].split(":")[0]
    if kind == "float16":
        return packed.astype("float32")
    if kind == "uint8":
        return np.array(quantizer["scale"], "float32") * (packed - np.array(quantizer["zero_point"], "float32"))
    if kind in ("int4", "int2"):
        bits = int(kind[-1])
        codes = packed[..., None] >> np.arange(8 - bits, -1, -bits) & 2**bits - 1
        return np.array(quantizer["levels"], "float32")[codes.reshape(*packed.shape[:-1], -1)[..., :width]]
    return 2 * np.unpackbits(packed, axis=-1, count=width).astype("float32") - 1


def write(folder: Path) -> None:
    """All of a version's stores, a head and its predictions."""
    folder.mkdir(parents=True)
    target = folder.resolve()
    with tempfile.TemporaryDirectory() as inputs:
        os.chdir(inputs)
        write_inputs()
        for command in COMMANDS:
            if run(command.replace("$WITH", WITH).split()) != 0:
                raise SystemExit(f"encore {command}: failed")
        for name in (*STORES, "parity", "predictions"):
            Path(name).rename(target / name)
    for name in STORES:
        np.savez_compressed(target / f"{name}.npz", **decode(target / name))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
