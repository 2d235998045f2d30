"""Segments: what is written is read back by us and by any Zarr and Parquet reader, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import PackBits

from encore.featurestore import FeatureBlock, FeatureSpec, StoreError, UsageError
from encore.featurestore.format.tombstones import retire
from encore.featurestore.quantizers import Int2, SignCentred, UInt8, quantizer_from_dict
from encore.featurestore.segments import shards
from encore.featurestore.segments.codecs import CODECS
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.segments.reader import RUN_CHUNKS, SegmentReader
from encore.featurestore.segments.records import RejectedDocument, SegmentRecord, attempt_path, record_path, segment_id
from encore.featurestore.segments.writer import CHUNK_BYTES, EncodingCounts, read_record, write_segment
from encore.featurestore.storage.objects import Objects
from tests.documents import document_index, packed_numbers
from tests.featurestore.building import block_of, spec_of
from tests.strategies import feature_blocks, feature_specs

SEGMENT = "5e" * 16
COUNTS = EncodingCounts(tokens=100, padded_tokens=120, saturated=3)
TENSOR = UInt8("per-tensor", "min-max", scale=(0.25,), zero_point=(100,))
DIMENSION = UInt8("per-dimension", "min-max", scale=tuple(np.linspace(0.5, 2, 16)), zero_point=tuple(range(16)))
TEXTS = {f"doc-{i}": f"text {i}" for i in range(20)}

SPECS = {
    "float16": spec_of("float16"),
    "uint8 per tensor": spec_of().with_quantizer(TENSOR),
    "uint8 per dimension": spec_of().with_quantizer(DIMENSION),
    "sign": spec_of("sign"),
    "sign of a width that is no multiple of 8": spec_of("sign", width=13),
    "int2": spec_of().with_quantizer(Int2(mean=(0.5,) * 16, deviation=(2.0,) * 16)),
    "int2 of a width that is no multiple of 4": spec_of(width=13).with_quantizer(
        Int2(mean=(0.5,) * 13, deviation=(2.0,) * 13)
    ),
    "sign-centred": spec_of().with_quantizer(SignCentred(median=tuple(np.linspace(-1, 1, 16)))),
    "float16 stack": spec_of("float16", "stack:3"),
    "uint8 stack": spec_of("sign", "stack:3").with_quantizer(DIMENSION),
    "sign stack": spec_of("sign", "stack:3"),
    "mean position": spec_of("float16", positions="mean"),
}


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open(str(tmp_path))


def written(
    objects: Objects, block: FeatureBlock, spec: FeatureSpec, codec: str = "none", segment: str = SEGMENT
) -> tuple[SegmentRecord, SegmentReader]:
    record = write_segment(objects, segment, block, spec, COUNTS, codec=codec)
    return record, SegmentReader(objects, SegmentEntry.of(record))


def wide_block(rows: int, spec: FeatureSpec, zero: bool = False) -> FeatureBlock:
    """One row a document."""
    packed = packed_numbers(spec, rows, np.random.default_rng(0))
    ids = [str(i) for i in range(rows)]
    return FeatureBlock(document_index(ids, ids, [1] * rows), packed * (not zero), np.arange(rows + 1))


class TestRoundTrip:
    @pytest.mark.parametrize("codec", CODECS)
    @pytest.mark.parametrize("name", SPECS)
    def test_every_quantizer_stack_and_codec_reads_back(self, objects: Objects, name: str, codec: str) -> None:
        spec = SPECS[name]
        block = block_of(spec, TEXTS, {"topic": pa.array(["a"] * 20)})
        record, reader = written(objects, block, spec, codec)
        assert reader.offsets().tolist() == block.offsets.tolist()
        assert reader.packed(0, record.rows).dtype == spec.quantizer.dtype
        assert np.array_equal(reader.packed(0, record.rows), block.packed)
        assert reader.index().equals(block.index)

    @given(st.data())
    @settings(max_examples=25)
    def test_random_blocks_read_back(self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
        spec = data.draw(feature_specs())
        block = data.draw(feature_blocks(spec, min_documents=1))
        objects = Objects.open(str(tmp_path_factory.mktemp("store")))
        record, reader = written(objects, block, spec, data.draw(st.sampled_from(CODECS)))
        start = data.draw(st.integers(0, record.rows))
        stop = data.draw(st.integers(start, record.rows))
        assert reader.packed(start, stop).tobytes() == block.packed[start:stop].tobytes()
        assert reader.index().to_pydict() == block.index.to_pydict()

    @pytest.mark.parametrize("name", SPECS)
    def test_any_zarr_reader_can_decode_it_by_its_attributes(self, objects: Objects, name: str) -> None:
        spec, block = SPECS[name], block_of(SPECS[name], TEXTS)
        record, _ = written(objects, block, spec, "zstd")
        folder = attempt_path(SEGMENT, record.attempt)
        group = zarr.open_group(f"{objects.uri}/{folder}", mode="r")
        attributes = dict(group["features"].attrs)
        stored = torch.from_numpy(np.asarray(group["features"][:]))
        decoded = quantizer_from_dict(attributes["quantizer"]).dequantize(stored, attributes["width"])
        assert torch.equal(decoded, spec.quantizer.dequantize(torch.from_numpy(block.packed), spec.width))
        assert decoded.shape[-1] == spec.width
        assert group["offsets"][:].tolist() == block.offsets.tolist()
        assert attributes["layers"] == str(spec.layers)
        assert FeatureSpec.from_dict(group.attrs["spec"]).fingerprint == group.attrs["fingerprint"] == record.spec
        assert pq.read_table(f"{objects.uri}/{folder}/documents.parquet").equals(block.index)

    def test_the_bytes_of_sign_are_those_of_packbits(self, objects: Objects) -> None:
        spec = spec_of("sign")
        floats = torch.randn(50, 16, generator=torch.Generator().manual_seed(1))
        ids = [str(i) for i in range(50)]
        block = FeatureBlock(document_index(ids, ids, [1] * 50), spec.quantizer.quantize(floats).numpy(), np.arange(51))
        record, _ = written(objects, block, spec)
        stored = objects.get(f"{attempt_path(SEGMENT, record.attempt)}/features/c/0/0")
        # PackBits begins with the number of padding bits.
        assert stored.startswith(bytes(PackBits().encode((floats >= 0).numpy()))[1:])

    def test_columns_are_read_by_name_and_unknown_ones_left_out(self, objects: Objects) -> None:
        _, reader = written(objects, block_of(spec_of(), TEXTS, {"topic": pa.array(["a"] * 20)}), spec_of())
        assert reader.index(["topic", "doc_id"]).column_names == ["topic", "doc_id"]
        assert reader.index(["nothing"]).num_rows == 20


class TestLayout:
    """Chunks of about 1 MiB, in one shard, none of it padding."""

    SPEC = spec_of("sign", width=8192)  # 1 KiB a row

    @pytest.mark.parametrize("rows", [1, 3, 1023, 1024, 1025, 2049, 5000])
    def test_chunks_are_near_one_mebibyte_and_nothing_is_wasted(self, objects: Objects, rows: int) -> None:
        record, _ = written(objects, wide_block(rows, self.SPEC), self.SPEC)
        folder = attempt_path(SEGMENT, record.attempt)
        array = zarr.open_array(f"{objects.uri}/{folder}/features", mode="r")
        chunk = array.chunks[0] * 1024
        assert chunk <= CHUNK_BYTES
        assert rows <= 1024 or chunk > CHUNK_BYTES // 2
        assert [path for path, _ in objects.walk(f"{folder}/features/c")] == [f"{folder}/features/c/0/0"]
        index = objects.size(f"{folder}/documents.parquet")
        assert index is not None
        assert record.payload_bytes == rows * 1024
        metadata = 8192
        assert record.stored_bytes < 1.02 * record.payload_bytes + index + metadata
        assert record.stored_bytes == sum(size for _, size in objects.walk(folder))

    def test_the_index_costs_little_more_than_its_digests(self, objects: Objects) -> None:
        record, _ = written(objects, wide_block(5000, self.SPEC), self.SPEC)
        (index,) = (stored for stored in record.objects if stored.path == "documents.parquet")
        assert index.size < 5000 * (16 + 32 + 4)

    @pytest.mark.parametrize("codec", CODECS)
    def test_chunks_of_zeros_are_written(self, objects: Objects, codec: str) -> None:
        block = wide_block(2049, self.SPEC, zero=True)
        record, reader = written(objects, block, self.SPEC, codec)
        assert not reader.packed(0, 2049).any()
        objects.delete([f"{attempt_path(SEGMENT, record.attempt)}/features/c/0/0"])
        with pytest.raises(StoreError, match=r"features/c/0/0: missing; run encore repair"):
            reader.packed(0, 2049)

    @pytest.mark.parametrize("rows", [[0], [2048], [0, 2048], [1023, 1024, 1025], list(range(0, 2049, 7))])
    def test_rows_are_read_wherever_they_lie(self, objects: Objects, rows: list[int]) -> None:
        block = wide_block(2049, self.SPEC)
        _, reader = written(objects, block, self.SPEC)
        assert np.array_equal(reader.packed_rows(np.array(rows)), block.packed[rows])

    def test_reading_no_rows_gives_none(self, objects: Objects) -> None:
        _, reader = written(objects, wide_block(3, self.SPEC), self.SPEC)
        assert reader.packed_rows(np.empty(0, np.int64)).shape == (0, 1024)
        assert reader.packed(2, 2).shape == (0, 1024)

    def test_a_random_read_fetches_each_chunk_once_and_few_at_a_time(
        self, objects: Objects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spec = spec_of("sign", width=8)
        monkeypatch.setattr("encore.featurestore.segments.writer.CHUNK_BYTES", 10)
        monkeypatch.setattr(shards, "PIECE_BYTES", 100)
        block = wide_block(1000, spec)
        _, reader = written(objects, block, spec)
        reads: list[tuple[int, int]] = []
        read = SegmentReader.packed

        def noted(self: SegmentReader, start: int, stop: int) -> np.ndarray:
            reads.append((start, stop))
            return read(self, start, stop)

        monkeypatch.setattr(SegmentReader, "packed", noted)
        rows = np.array([5, *range(200, 600, 5), 999])
        assert np.array_equal(reader.packed_rows(rows), block.packed[rows])
        chunks = [chunk for start, stop in sorted(reads) for chunk in range(start // 10, -(-stop // 10))]
        assert chunks == sorted(set(rows // 10))
        assert max(stop - start for start, stop in reads) <= 10 * RUN_CHUNKS

    def test_rows_of_a_small_segment_are_one_read(self, objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = spec_of("sign", width=8)
        monkeypatch.setattr("encore.featurestore.segments.writer.CHUNK_BYTES", 10)
        block = wide_block(1000, spec)
        _, reader = written(objects, block, spec)
        assert np.array_equal(reader.packed_rows(np.array([5])), block.packed[[5]])
        asked: list[str] = []
        get_range = Objects.get_range
        monkeypatch.setattr(
            Objects,
            "get_range",
            lambda self, *where: asked.append(where[0]) or get_range(self, *where),  # type: ignore[func-returns-value]
        )
        assert np.array_equal(reader.packed_rows(np.array([3, 500, 999])), block.packed[[3, 500, 999]])
        assert len(asked) == 1


def test_a_dictionary_is_stored_as_the_values_of_its_own_rows(tmp_path: Path) -> None:
    """Arrow keeps all values when rows are left out, and Parquet would store them."""
    spec = spec_of()
    block = block_of(spec, {"a": "1", "b": "2"}, {"city": pa.array(["here", "there"]).dictionary_encode()})
    objects = Objects.open(str(tmp_path))
    record = write_segment(objects, "s", block.take(np.array([0])), spec, EncodingCounts(1, 1), codec="none")
    data = objects.get(f"{attempt_path('s', record.attempt)}/documents.parquet")
    city = pq.read_table(pa.BufferReader(data))["city"]
    assert (city.type, city.to_pylist()) == (pa.string(), ["here"])
    assert b"there" not in data


class TestAttempts:
    def test_a_second_attempt_adopts_the_first_and_leaves_nothing_behind(self, objects: Objects) -> None:
        block, spec = block_of(spec_of(), TEXTS), spec_of()
        first, reader = written(objects, block, spec)
        before = sorted(objects.walk())
        second, _ = written(objects, block, spec)
        assert second == first == read_record(objects, SEGMENT)
        assert sorted(objects.walk()) == before
        assert np.array_equal(reader.packed(0, first.rows), block.packed)

    def test_of_eight_attempts_at_once_one_is_in_force(self, objects: Objects) -> None:
        block, spec = block_of(spec_of(), TEXTS), spec_of()
        with ThreadPoolExecutor(8) as pool:
            records = list(pool.map(lambda _: written(objects, block, spec)[0], range(8)))
        assert len({record.attempt for record in records}) == 1
        paths = {path for path, _ in objects.walk()}
        folder = attempt_path(SEGMENT, records[0].attempt)
        assert paths == {record_path(SEGMENT), *(f"{folder}/{stored.path}" for stored in records[0].objects)}

    def test_a_lost_answer_keeps_the_objects(self, objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
        create = Objects.create

        def told_otherwise(self: Objects, path: str, data: bytes) -> bool:
            create(self, path, data)
            return False

        monkeypatch.setattr(Objects, "create", told_otherwise)
        block = block_of(spec_of(), TEXTS)
        record, reader = written(objects, block, spec_of())
        assert np.array_equal(reader.packed(0, record.rows), block.packed)

    def test_a_name_that_a_removal_has_retired_meanwhile_is_not_taken(self, objects: Objects) -> None:
        written(objects, block_of(spec_of(), TEXTS), spec_of())
        retire(objects, record_path(SEGMENT))
        with pytest.raises(StoreError, match="a vacuum has retired this name meanwhile; run again"):
            written(objects, block_of(spec_of(), TEXTS), spec_of())

    def test_a_record_of_another_segment_is_not_adopted(self, objects: Objects) -> None:
        written(objects, block_of(spec_of(), TEXTS), spec_of())
        objects.put(record_path("0" * 32), objects.get(record_path(SEGMENT)))
        with pytest.raises(StoreError, match="says that it is the record of segment"):
            read_record(objects, "0" * 32)

    def test_the_objects_outlast_a_power_cut_before_the_record_names_them(
        self, objects: Objects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[str] = []
        for name in ("put", "barrier", "create"):
            real = getattr(Objects, name)

            def noting(self: Objects, *arguments: Any, name: str = name, real: Callable[..., Any] = real) -> Any:
                seen.append(name)
                return real(self, *arguments)

            monkeypatch.setattr(Objects, name, noting)
        written(objects, block_of(spec_of(), TEXTS), spec_of())
        assert seen[-3:] == ["put", "barrier", "create"]

    def test_a_segment_whose_documents_were_all_refused_is_a_record_alone(self, objects: Objects) -> None:
        rejected = (RejectedDocument(0, "encode", "non-finite"), RejectedDocument(1, "tokenize", "no tokens"))
        record = write_segment(
            objects, SEGMENT, block_of(spec_of(), {}), spec_of(), COUNTS, codec="none", rejected=rejected
        )
        assert (record.documents, record.rows, record.stored_bytes, record.objects) == (0, 0, 0, ())
        assert [path for path, _ in objects.walk()] == [record_path(SEGMENT)]
        assert read_record(objects, SEGMENT) == record
        assert record.rejected == rejected

    def test_an_unfinished_segment_has_no_record(self, objects: Objects) -> None:
        assert read_record(objects, SEGMENT) is None

    def test_the_record_counts(self, objects: Objects) -> None:
        block = block_of(spec_of("sign"), TEXTS)
        truncated = block.index.set_column(4, "truncated", pa.array([i < 3 for i in range(20)]))
        record, _ = written(objects, replace(block, index=truncated), spec_of("sign"))
        assert (record.documents, record.rows, record.truncated) == (20, len(block.packed), 3)
        assert (record.tokens, record.padded_tokens, record.saturated) == (100, 120, 3)
        assert record.payload_bytes == block.packed.nbytes


class TestRefusals:
    """A block that nobody could read back as it is must not be written."""

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda b: {"packed": b.packed.astype(np.int8)}, "features are int8 of shape"),
            (lambda b: {"packed": b.packed[:, :1]}, r"of shape \(1,\); the spec has uint8 of \(2,\)"),
            (lambda b: {"offsets": np.array([0, 0, *b.offsets[2:]])}, "document 0 of the block has no rows"),
            (lambda b: {"index": b.index.drop_columns("text_digest")}, "index column text_digest is None, expected"),
            (
                lambda b: {"index": b.index.set_column(3, "n_tokens", pa.array([1.5] * 20))},
                "index column n_tokens is double, expected int32",
            ),
        ],
    )
    def test_a_block_of_another_spec_is_refused(self, objects: Objects, change: object, message: str) -> None:
        block = block_of(spec_of("sign"), TEXTS)
        with pytest.raises(ValueError, match=message):
            written(objects, replace(block, **change(block)), spec_of("sign"))  # type: ignore[operator]
        assert list(objects.walk()) == []

    def test_an_unknown_codec_is_refused(self, objects: Objects) -> None:
        with pytest.raises(UsageError, match="codec 'gzip': expected one of none, zstd, blosc"):
            written(objects, block_of(spec_of(), TEXTS), spec_of(), "gzip")


def damages(data: bytes) -> Iterator[bytes]:
    """The same bytes with one of them flipped, here and there, or cut short."""
    random = np.random.default_rng(len(data))
    for at in {0, len(data) - 1, *range(0, len(data), max(1, len(data) // 60))}:
        yield data[:at] + bytes([data[at] ^ int(random.integers(1, 256))]) + data[at + 1 :]
        yield data[:at] + bytes([data[at] ^ 1 << int(random.integers(8))]) + data[at + 1 :]
    yield from (data[:-1], data[: len(data) // 2], b"")


class TestDamage:
    """A flipped byte is an error that names the object; it is never wrong data."""

    @pytest.fixture(params=CODECS)
    def codec(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.mark.parametrize(
        "path", ["features/c/0/0", "features/zarr.json", "offsets/c/0", "offsets/zarr.json", "documents.parquet"]
    )
    def test_in_an_object_of_the_segment(
        self, objects: Objects, monkeypatch: pytest.MonkeyPatch, codec: str, path: str
    ) -> None:
        monkeypatch.setattr("encore.featurestore.segments.writer.CHUNK_BYTES", 64)
        block = block_of(spec_of("float16"), TEXTS)
        record, _ = written(objects, block, spec_of("float16"), codec)
        name = f"{attempt_path(SEGMENT, record.attempt)}/{path}"
        data = objects.get(name)
        for damaged in damages(data):
            objects.put(name, damaged)
            with pytest.raises(StoreError, match=f"/{attempt_path(SEGMENT, record.attempt)}/{path}: damaged"):
                self.read_all(objects, record)
        objects.delete([name])
        with pytest.raises(StoreError, match=f"/{path}: .*missing"):
            self.read_all(objects, record)
        objects.put(name, data)
        self.read_all(objects, record)

    def test_in_the_completion_record(self, objects: Objects) -> None:
        record, _ = written(objects, block_of(spec_of(), TEXTS), spec_of())
        path = record_path(SEGMENT)
        for damaged in damages(objects.get(path)):
            objects.put(path, damaged)
            with pytest.raises(StoreError, match=f"/{path}: damaged: its bytes are not those that were listed"):
                self.read_all(objects, record)
            # Before a record is listed, there is only the checksum inside it.
            with pytest.raises(StoreError, match=f"/{path}: "):
                read_record(objects, SEGMENT)
        objects.delete([path])
        with pytest.raises(StoreError, match=f"/{path}: missing"):
            self.read_all(objects, record)

    def test_in_the_chunk_that_a_random_read_touches(self, objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("encore.featurestore.segments.writer.CHUNK_BYTES", 64)
        block, spec = block_of(spec_of("float16"), TEXTS), spec_of("float16")
        record, reader = written(objects, block, spec)
        name = f"{attempt_path(SEGMENT, record.attempt)}/features/c/0/0"
        data = bytearray(objects.get(name))
        data[5] ^= 4
        objects.put(name, bytes(data))
        with pytest.raises(StoreError, match="features/c/0/0: damaged"):
            reader.packed_rows(np.array([0]))
        last = record.rows - 1
        assert np.array_equal(reader.packed_rows(np.array([last])), block.packed[[last]])

    def test_a_chunk_is_no_index_of_a_shard_that_was_cut_behind_it(self, objects: Objects) -> None:
        """Sixteen bytes of ones and their crc32c look like an index that says that its chunk is empty."""
        spec = spec_of("sign", width=128)
        packed = np.full((1, 16), 255, np.uint8)
        block = FeatureBlock(document_index(["a"], ["x"], [1]), packed, np.array([0, 1]))
        record, reader = written(objects, block, spec)
        assert np.array_equal(reader.packed(0, 1), packed)
        name = f"{attempt_path(SEGMENT, record.attempt)}/features/c/0/0"
        data = objects.get(name)
        assert len(data) == 2 * (16 + 4)
        objects.put(name, data[:20])
        with pytest.raises(StoreError, match=r"/features/c/0/0: damaged or unreadable: .* is cut short"):
            reader.packed(0, 1)

    def test_metadata_that_leads_to_other_chunks_is_no_way_to_zeros(self, objects: Objects) -> None:
        """One bit turns the separator of chunk names from / to ., and Zarr would read what is not there as zeros."""
        record, reader = written(objects, block_of(spec_of(), TEXTS), spec_of())
        name = f"{attempt_path(SEGMENT, record.attempt)}/features/zarr.json"
        data = objects.get(name)
        turned = data.replace(b'"separator": "/"', b'"separator": "."')
        assert turned != data
        objects.put(name, turned)
        with pytest.raises(StoreError, match=r"features/zarr.json: damaged"):
            reader.packed(0, record.rows)

    @staticmethod
    def read_all(objects: Objects, record: SegmentRecord) -> None:
        reader = SegmentReader(objects, SegmentEntry.of(record))
        reader.index()
        reader.offsets()
        reader.packed(0, record.rows)


class TestNames:
    """The name of a segment is part of the format: whoever plans the same documents finds what is stored."""

    def test_it_is_pinned(self) -> None:
        index = document_index(["a", "b"], ["x", "y"], [1, 1])
        assert segment_id(index["key_hash"], index["text_digest"], "f" * 64) == "f15b99ebf2b3d4dbd7b6358e8164303f"

    @given(st.lists(st.text("ab", max_size=3), max_size=6, unique=True), st.integers(0, 6))
    def test_chunks_and_slices_change_nothing(self, ids: list[str], cut: int) -> None:
        index = document_index(ids, ids, [1] * len(ids))
        chunked = pa.concat_tables([index.slice(0, cut), index.slice(0, 0), index.slice(cut)])
        whole = index.combine_chunks()
        names = {segment_id(t["key_hash"], t["text_digest"], "f") for t in (index, chunked, whole)}
        assert len(names) == 1

    @pytest.mark.parametrize(
        ("ids", "texts", "fingerprint"),
        [
            (["b", "a"], ["y", "x"], "f"),
            (["a", "b"], ["x", "z"], "f"),
            (["a"], ["x"], "f"),
            (["a", "b"], ["x", "y"], "g"),
        ],
    )
    def test_order_text_and_spec_are_part_of_it(self, ids: list[str], texts: list[str], fingerprint: str) -> None:
        index, other = document_index(["a", "b"], ["x", "y"], [1, 1]), document_index(ids, texts, [1] * len(ids))
        assert segment_id(index["key_hash"], index["text_digest"], "f") != segment_id(
            other["key_hash"], other["text_digest"], fingerprint
        )
