"""The how-to's own code, run in a process that cannot import Encore, against a store that Encore wrote."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from encore.featurestore import Catalogue, Change, EncoderSpec, FeatureBlock, FeatureSpec, TextSpec, commit
from encore.featurestore.documents.ids import key_hashes, text_digests
from encore.featurestore.quantizers import REGISTRY, calibrate
from encore.featurestore.segments.entries import SegmentEntry
from encore.featurestore.segments.records import segment_id
from encore.featurestore.segments.writer import EncodingCounts, write_segment

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "decode-without-encore.md"
WIDTH = 13
LENGTHS = [3, 1, 4]
SINGLE_BITS = ["sign", "sign-centred"]


def code_blocks():
    return re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)


def written_store(folder, quantizer, codec):
    """A store of three documents, and the vectors that its features decode to."""
    vectors = torch.randn(sum(LENGTHS), WIDTH, generator=torch.Generator().manual_seed(0))
    request = FeatureSpec.build(EncoderSpec("w", "t", WIDTH, 2), TextSpec(8), "last", "tokens", quantizer)
    spec = request.with_quantizer(calibrate(request.quantizer, lambda: [vectors]))
    store = Catalogue.create(str(folder), spec)
    ids = pa.array(["a", "b", "c"])
    index = pa.table(
        {
            "doc_id": ids,
            "key_hash": key_hashes(ids),
            "text_digest": text_digests(ids),
            "n_tokens": pa.array(LENGTHS, pa.int32()),
            "truncated": pa.array([False] * 3),
            "n_first_tokens": pa.array(LENGTHS, pa.int32()),
        }
    )
    packed = spec.quantizer.quantize(vectors)
    block = FeatureBlock(index, packed.numpy(), np.cumsum([0, *LENGTHS]))
    name = segment_id(index["key_hash"], index["text_digest"], spec.fingerprint)
    record = write_segment(store.objects, name, block, spec, EncodingCounts(8, 8), codec=codec)
    commit(store, Change(0, "encode", added=[SegmentEntry.of(record)]))
    return spec.quantizer.dequantize(packed, WIDTH).numpy()


def run_page(folder, *blocks):
    """Run code blocks of the page in ``folder``; the lines that they print."""
    refuse = "import sys\nfor name in ('encore', 'torch'): sys.modules[name] = None\n"
    show = "\nnp.save('vectors.npy', vectors)\nnp.save('rest.npy', features[offsets[document + 1] :])\n"
    code = refuse + "\n".join(blocks) + show
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("quantizer", SINGLE_BITS)
def test_the_ten_lines_decode_single_bits(tmp_path, quantizer):
    expected = written_store(tmp_path / "features", quantizer, "none")
    printed = run_page(tmp_path, code_blocks()[0])
    assert printed == f"a (3, {WIDTH})\n"
    np.testing.assert_array_equal(np.load(tmp_path / "vectors.npy"), expected[:3])


@pytest.mark.parametrize(
    ("quantizer", "codec"),
    [
        *((kind, quantizer.default_codec) for kind, quantizer in REGISTRY.items() if kind not in SINGLE_BITS),
        ("uint8:per-dimension:histogram", "none"),
    ],
)
def test_the_next_lines_decode_the_other_quantizers(tmp_path, quantizer, codec):
    expected = written_store(tmp_path / "features", quantizer, codec)
    first = code_blocks()[0].partition("bits = ")[0]
    run_page(tmp_path, first, code_blocks()[1])
    np.testing.assert_allclose(np.load(tmp_path / "vectors.npy"), expected[:3], rtol=1e-6, atol=1e-6)


def test_the_last_lines_find_the_segments_of_the_newest_snapshot(tmp_path):
    written_store(tmp_path / "features", "sign", "none")
    (tmp_path / "features" / "segments" / "unfinished" / "attempt").mkdir(parents=True)
    printed = run_page(tmp_path, *code_blocks()[:1], code_blocks()[2], "print(*segments)").splitlines()
    [segment] = printed[1:]
    assert (tmp_path / segment / "documents.parquet").exists()


@pytest.mark.parametrize(("quantizer", "codec"), [("sign", "none"), ("uint8", "zstd"), ("float16", "blosc")])
def test_tensorstore_reads_the_same_codes_and_attributes(tmp_path, quantizer, codec):
    written_store(tmp_path / "features", quantizer, codec)
    first = code_blocks()[0].partition("bits = ")[0]
    there = "same = packed\nbeside = dict(features.attrs['quantizer'])\ndel packed\nvectors = 0"
    run_page(tmp_path, first, there, code_blocks()[3], "assert (packed == same).all() and quantizer == beside")


def test_the_first_example_is_as_short_as_the_title_says():
    code = [line for line in code_blocks()[0].splitlines() if line and not line.startswith(("import", "print"))]
    assert len(code) <= 10
