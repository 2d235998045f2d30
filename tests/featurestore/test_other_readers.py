"""What Encore writes is plain Zarr v3 and Parquet: readers that know nothing of it read the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
import tensorstore
import torch
import zarr

from encore.featurestore import Catalogue, Change, FeatureBlock, FeatureSpec, commit
from encore.featurestore.quantizers import REGISTRY, calibrate
from encore.featurestore.rewriting.compaction import compact
from encore.featurestore.rewriting.deletion import delete
from encore.featurestore.segments import writer
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.segments.writer import EncodingCounts, write_segment
from tests.documents import document_index
from tests.featurestore.building import held, spec_of

# Zarr warns about the document index, which lies beside the arrays on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Object at documents.parquet is not recognized")

WIDTH = 13
DOCUMENTS = 40
QUANTIZERS = (*REGISTRY, "uint8:per-dimension:histogram")


def stored(
    folder: Path, quantizer: str, layers: str, codec: str, first: int = 0, store: Catalogue | None = None
) -> Catalogue:
    """A store of `DOCUMENTS` more documents, each of 1 to 6 rows of normal numbers."""
    random = np.random.default_rng(first)
    lengths = random.integers(1, 7, DOCUMENTS)
    if store is None:
        asked = spec_of(quantizer, layers, width=WIDTH)
        store = Catalogue.create(
            str(folder), asked.with_quantizer(calibrate(asked.quantizer, lambda: [floats(asked, 999)]))
        )
    rows = floats(store.spec, int(lengths.sum()), first)
    ids = [f"d{i}" for i in range(first, first + DOCUMENTS)]
    block = FeatureBlock(
        document_index(ids, ids, lengths.tolist()),
        store.spec.quantizer.quantize(rows).numpy(),
        np.concatenate([[0], np.cumsum(lengths)]),
    )
    counts = EncodingCounts(len(rows), len(rows))
    record = write_segment(store.objects, store.segment_for(block.index), block, store.spec, counts, codec=codec)
    return commit(store, Change(store.version, "encode", [SegmentEntry.of(record)]))


def floats(spec: FeatureSpec, rows: int, seed: int = 0) -> torch.Tensor:
    layers = spec.packed_shape[:-1]
    return torch.randn((rows, *layers, WIDTH), generator=torch.Generator().manual_seed(seed)) * 2 + 0.5


def read_array(folder: Path) -> tuple[npt.NDArray[Any], dict[str, Any], Any]:
    """Numbers, attributes and layout of an array, by TensorStore."""
    array = tensorstore.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{folder}/"}}).result()
    return array.read().result(), array.spec().to_json()["metadata"]["attributes"], array.chunk_layout


def decoded(codes: npt.NDArray[Any], attributes: dict[str, Any]) -> npt.NDArray[np.float32]:
    """Decode codes with the attributes that are stored beside them."""
    quantizer, width = attributes["quantizer"], attributes["width"]
    match quantizer["request"].split(":")[0]:
        case "float16":
            return codes.astype(np.float32)
        case "uint8":
            scale, zero_point = (np.array(quantizer[name], np.float32) for name in ("scale", "zero_point"))
            return scale * (codes.astype(np.float32) - zero_point)
        case "int4" | "int2" as kind:
            bits = int(kind[-1])
            levels = np.unpackbits(codes, axis=-1).reshape(*codes.shape[:-1], -1, bits) @ (1 << np.arange(bits)[::-1])
            return np.array(quantizer["levels"], np.float32)[levels[..., :width]]
        case _:
            return np.unpackbits(codes, axis=-1, count=width).astype(np.float32) * 2 - 1


def folder_of(store: Catalogue, entry: SegmentEntry) -> Path:
    return Path(store.uri) / "segments" / entry.segment / entry.attempt


def same_segment(store: Catalogue, entry: SegmentEntry) -> None:
    """See that TensorStore, Zarr and pyarrow read of a segment what Encore reads, and decode it alike."""
    reader, folder = store.reader(entry), folder_of(store, entry)
    offsets, codes = reader.offsets(), reader.packed(0, entry.rows)
    vectors = store.spec.quantizer.dequantize(torch.from_numpy(codes), WIDTH).numpy()

    found, attributes, layout = read_array(folder / "features")
    np.testing.assert_array_equal(found, codes)
    assert found.dtype == codes.dtype
    assert attributes["quantizer"] == store.spec.quantizer.to_dict()
    np.testing.assert_allclose(decoded(found, attributes), vectors, rtol=1e-6, atol=1e-6)
    assert layout.write_chunk.shape[0] >= entry.rows > layout.read_chunk.shape[0], "several chunks in one shard"
    np.testing.assert_array_equal(read_array(folder / "offsets")[0], offsets)

    group = zarr.open_group(str(folder), mode="r")
    assert sorted(group.array_keys()) == ["features", "offsets"]
    np.testing.assert_array_equal(group["features"][:], codes)
    np.testing.assert_array_equal(group["offsets"][:], offsets)
    assert group.attrs["fingerprint"] == store.spec.fingerprint
    index = pq.read_table(folder / "documents.parquet", page_checksum_verification=True)
    assert index.equals(reader.index())


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CHUNK_BYTES", 64)


@pytest.mark.parametrize("codec", ["none", "zstd", "blosc"])
@pytest.mark.parametrize("layers", ["mean:4", "stack:3"])
@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_another_reader_finds_the_same_numbers(tmp_path: Path, quantizer: str, layers: str, codec: str) -> None:
    store = stored(tmp_path / "store", quantizer, layers, codec)
    same_segment(store, store.entries[0])


@pytest.mark.parametrize(("quantizer", "codec"), [("sign", "none"), ("uint8", "zstd"), ("float16", "blosc")])
def test_another_reader_finds_them_in_compacted_segments(tmp_path: Path, quantizer: str, codec: str) -> None:
    store = stored(tmp_path / "store", quantizer, "mean:4", codec)
    store = stored(tmp_path / "store", quantizer, "mean:4", codec, DOCUMENTS, store)
    delete(store, [f"d{i}" for i in range(0, 2 * DOCUMENTS, 9)])
    compact(Catalogue.open(store.uri))
    store = Catalogue.open(store.uri)
    [entry] = store.entries
    assert entry.documents == 2 * DOCUMENTS - 9
    same_segment(store, entry)


def test_the_whole_store_is_read_by_pyarrow_and_tensorstore_alone(tmp_path: Path) -> None:
    """Manifest, lists and deletion vectors too: what is live, and its bits."""
    store = stored(tmp_path / "store", "sign", "mean:4", "none")
    store = stored(tmp_path / "store", "sign", "mean:4", "none", DOCUMENTS, store)
    delete(store, ["d3", "d39", "d40", "nothing"])
    store = Catalogue.open(store.uri)
    root, found = Path(store.uri), {}
    for part in store.manifest.lists:
        for row in pq.read_table(root / f"lists/{part.digest}.parquet").to_pylist():
            found[row["segment"]] = row
    live: dict[str, bytes] = {}
    for row in found.values():
        folder = root / "segments" / row["segment"] / row["attempt"]
        codes, offsets = read_array(folder / "features")[0], read_array(folder / "offsets")[0]
        gone = set()
        if row["deletions"] is not None:
            gone = set(pq.read_table(root / "deletions" / row["deletions"])["document"].to_pylist())
        for place, doc_id in enumerate(pq.read_table(folder / "documents.parquet")["doc_id"].to_pylist()):
            if place not in gone:
                live[doc_id] = codes[offsets[place] : offsets[place + 1]].tobytes()
    assert len(live) == 2 * DOCUMENTS - 3
    assert live == held(store)


def test_a_flipped_bit_is_no_number_for_another_reader(tmp_path: Path) -> None:
    """The crc32c of each chunk is part of the array, and so others check it too."""
    store = stored(tmp_path / "store", "sign", "mean:4", "none")
    [shard] = (folder_of(store, store.entries[0]) / "features" / "c").rglob("0/0")
    data = bytearray(shard.read_bytes())
    data[5] ^= 1
    shard.write_bytes(data)
    with pytest.raises(ValueError, match="Digest mismatch"):
        read_array(folder_of(store, store.entries[0]) / "features")
