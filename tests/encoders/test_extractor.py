"""Features of whole blocks equal those of one document at a time, whatever goes wrong beside them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from encore.encoders import DocumentBlock, Encoder, Extraction, FeatureExtractor
from encore.encoders.batches.budget import NO_PADDING, Padding
from encore.featurestore.documents.blocks import INDEX_SCHEMA
from encore.featurestore.errors import SpecMismatch, UsageError
from encore.featurestore.quantizers import Float16, calibrate
from encore.featurestore.spec import TEXT
from tests.encoders.plain import block, plain_features, spec_for

TEXTS = [
    "good news",
    "the",
    "a film of the bad and the good, and of all that lies in between",
    "bad film",
    "x" * 30,
    "is it? [SEP] is it!",
    "news of the news",
]
PAIRS = ["the film", None, "is", None, "y " * 50, "", None]


def activations(encoder: Encoder, documents: DocumentBlock, budget: int, **options: Any) -> torch.Tensor:
    """All rows in the order of the documents: each batch alone, so that order is that of the block."""
    spec = spec_for(encoder, **options)
    extractor = FeatureExtractor(encoder, spec, budget)
    single = [documents.table.slice(i, 1) for i in range(len(documents))]
    return torch.cat([values for table in single for values in extractor.activations(DocumentBlock(table))])


def floats(extraction: Extraction, encoder: Encoder) -> list[torch.Tensor]:
    """Decoded float16 features of each document."""
    features = extraction.features
    values = Float16().dequantize(torch.from_numpy(features.packed), encoder.spec.hidden_size)
    return [values[start:stop] for start, stop in zip(features.offsets, features.offsets[1:], strict=False)]


@pytest.mark.parametrize("layers", ["last", "layer:1", "layer:3", "mean:1", "mean:2", "mean:3", "stack:1", "stack:3"])
@pytest.mark.parametrize("positions", ["tokens", "cls", "mean"])
@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_every_pooling_equals_the_plain_reference(
    name: str, layers: str, positions: str, request: pytest.FixtureRequest
) -> None:
    encoder, path = request.getfixturevalue(name), request.getfixturevalue(f"{name}_path")
    spec = spec_for(encoder, layers=layers, positions=positions, max_length=40)
    expected = plain_features(path, TEXTS, PAIRS, spec)
    own = activations(encoder, block(TEXTS, PAIRS), 100, layers=layers, positions=positions, max_length=40)
    torch.testing.assert_close(own, torch.cat(expected), rtol=1e-5, atol=1e-5)
    extraction = FeatureExtractor(encoder, spec, 100).extract(block(TEXTS, PAIRS))
    for stored, reference in zip(floats(extraction, encoder), expected, strict=True):
        torch.testing.assert_close(stored, reference, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("positions", ["tokens", "mean"])
def test_special_tokens_are_left_out_where_the_spec_says_so(bert: Encoder, bert_path: Path, positions: str) -> None:
    options = {"positions": positions, "special_tokens": False, "max_length": 20, "truncation_side": "left"}
    spec = spec_for(bert, **options)
    expected = plain_features(bert_path, TEXTS, PAIRS, spec)
    own = activations(bert, block(TEXTS, PAIRS), 1000, **options)
    torch.testing.assert_close(own, torch.cat(expected), rtol=1e-5, atol=1e-5)
    index = FeatureExtractor(bert, spec).extract(block(["the news", "a", "the"], [None, None, "a"])).features.index
    assert index["n_tokens"].to_pylist() == [2, 1, 2]
    assert index["n_first_tokens"].to_pylist() == [2, 1, 1]


@settings(max_examples=25)
@given(order=st.permutations(range(len(TEXTS))), budget=st.integers(1, 200))
def test_documents_keep_their_order_whatever_the_batches(bert: Encoder, order: list[int], budget: int) -> None:
    spec = spec_for(bert)
    reference = floats(FeatureExtractor(bert, spec).extract(block(TEXTS, PAIRS)), bert)
    extraction = FeatureExtractor(bert, spec, budget).extract(
        block([TEXTS[i] for i in order], [PAIRS[i] for i in order])
    )
    for values, i in zip(floats(extraction, bert), order, strict=True):
        torch.testing.assert_close(values, reference[i], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("positions", ["tokens", "cls", "mean"])
@pytest.mark.parametrize("padding", [Padding(64), Padding(64, 20), Padding(7)])
def test_padding_and_rows_of_nothing_change_no_feature(bert: Encoder, padding: Padding, positions: str) -> None:
    spec = spec_for(bert, positions=positions, special_tokens=positions == "cls", max_length=20)
    documents = block(TEXTS, PAIRS)
    own, plain = (
        floats(FeatureExtractor(replace(bert, padding=how), spec, 50).extract(documents), bert)
        for how in (padding, NO_PADDING)
    )
    assert [len(values) for values in own] == [len(values) for values in plain]
    for values, expected in zip(own, plain, strict=True):
        torch.testing.assert_close(values, expected, rtol=2e-3, atol=2e-3)


def test_a_rerun_gives_equal_bytes(bert: Encoder) -> None:
    extractor = FeatureExtractor(bert, spec_for(bert), 64)
    first, second = (extractor.extract(block(TEXTS, PAIRS)).features.packed for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_two_threads_share_an_extractor_and_get_what_one_gets(bert: Encoder) -> None:
    extractors = [FeatureExtractor(bert, spec_for(bert, layers=layers), 64) for layers in ("mean:3", "layer:2")]
    documents = [block(TEXTS * 3), block(list(reversed(TEXTS)) * 3)]
    jobs = [(extractor, document) for extractor in extractors for document in documents] * 6
    alone = [extractor.extract(document).features.packed.tobytes() for extractor, document in jobs]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda job: job[0].extract(job[1]).features.packed.tobytes(), jobs))
    assert together == alone


def test_counts_tell_tokens_padding_truncation_and_saturation(bert: Encoder) -> None:
    encoder = replace(bert, padding=NO_PADDING)
    extraction = FeatureExtractor(encoder, spec_for(bert, max_length=6), 12).extract(
        block(["the", "the news", "x" * 9])
    )
    assert extraction.features.index["n_tokens"].to_pylist() == [3, 4, 6]
    assert extraction.features.index["truncated"].to_pylist() == [False, False, True]
    assert (extraction.tokens, extraction.padded_tokens) == (13, 6 * 2 + 3)
    assert (extraction.truncated, extraction.saturated) == (1, 0)
    assert sorted(extraction.seconds) == ["forward", "quantize", "tokenize"]
    assert all(seconds >= 0 for seconds in extraction.seconds.values())
    padded = replace(bert, padding=Padding(16))
    extraction = FeatureExtractor(padded, spec_for(bert, max_length=6), 32).extract(
        block(["the", "the news", "x" * 9, "a"])
    )
    # Documents of 6, 4, 3 and 3 tokens: two of 8, and two more of 8 or four of 4.
    assert (extraction.tokens, extraction.padded_tokens) == (16, 32)


@pytest.mark.parametrize("positions", ["tokens", "mean"])
def test_the_index_says_where_the_second_text_begins(bert: Encoder, positions: str) -> None:
    documents = block(["the news", "the news", "the"], [None, "a", ""])
    index = FeatureExtractor(bert, spec_for(bert, positions=positions)).extract(documents).features.index
    # [CLS] the news [SEP], the same before a [SEP], and [CLS] the [SEP] before [SEP].
    assert index["n_tokens"].to_pylist() == [4, 6, 4]
    assert index["n_first_tokens"].to_pylist() == [4, 4, 3]


def test_saturated_floats_are_counted(bert: Encoder) -> None:
    spec = spec_for(bert, quantizer="uint8")
    quantizer = calibrate(spec.quantizer, lambda: [torch.zeros(4, 32), torch.full((4, 32), 0.001)])
    extraction = FeatureExtractor(bert, spec.with_quantizer(quantizer)).extract(block(["the news"]))
    assert extraction.saturated > 4 * 32 / 2


def test_the_index_has_the_store_s_columns_then_those_kept(bert: Encoder) -> None:
    documents = DocumentBlock.build(
        pa.array(["x", "y"]), pa.array(["the", "news"]), kept=pa.table({"year": pa.array([1999, None])})
    )
    index = FeatureExtractor(bert, spec_for(bert)).extract(documents).features.index
    assert index.schema == pa.schema([*INDEX_SCHEMA, pa.field("year", pa.int64())])
    assert index["doc_id"].to_pylist() == ["x", "y"]
    assert index["text_digest"].to_pylist() == documents.table["text_digest"].to_pylist()
    assert index["year"].to_pylist() == [1999, None]


@pytest.mark.parametrize(
    ("layers", "positions", "quantizer", "shape", "dtype"),
    [
        ("last", "tokens", "float16", (0, 32), "float16"),
        ("stack:2", "tokens", "sign", (0, 2, 4), "uint8"),
        ("mean:2", "cls", "sign", (0, 4), "uint8"),
    ],
)
def test_an_empty_block_has_features_of_the_right_shape(
    bert: Encoder, layers: str, positions: str, quantizer: str, shape: tuple[int, ...], dtype: str
) -> None:
    spec = spec_for(bert, layers=layers, positions=positions, quantizer=quantizer)
    extraction = FeatureExtractor(bert, spec).extract(block([]))
    assert extraction.features.packed.shape == shape
    assert extraction.features.packed.dtype == dtype
    assert extraction.features.index.schema == INDEX_SCHEMA
    assert extraction.rejected == ()
    assert list(FeatureExtractor(bert, spec).activations(block([]))) == []


def test_the_spec_of_another_encoder_is_refused(bert: Encoder, roberta: Encoder) -> None:
    with pytest.raises(SpecMismatch, match=r"encoder\.weights"):
        FeatureExtractor(bert, spec_for(roberta))


def test_a_max_length_beyond_the_model_s_positions_is_refused(bert: Encoder) -> None:
    with pytest.raises(UsageError, match=r"max length 65: .* takes at most 64 tokens"):
        FeatureExtractor(bert, spec_for(bert, max_length=65))


def test_the_encoder_at_hand_says_whether_its_first_token_sums_a_text_up(bert: Encoder) -> None:
    old = spec_for(replace(bert, spec=replace(bert.spec, first_token=None)), positions="cls")
    bare = replace(bert, spec=replace(bert.spec, first_token=TEXT))
    with pytest.raises(UsageError, match=r"positions cls: .* puts no special token first; take mean"):
        FeatureExtractor(bare, old)
    assert FeatureExtractor(bert, old).spec == old


def test_pairs_are_refused_before_any_work(bert: Encoder) -> None:
    bare = type(bert.tokenizer).from_str(bert.tokenizer.to_str())
    bare.post_processor = None
    extractor = FeatureExtractor(replace(bert, tokenizer=bare), spec_for(bert))
    with pytest.raises(UsageError, match="no pair template"):
        extractor.check_pairs()
    FeatureExtractor(bert, spec_for(bert)).check_pairs()


def test_an_uncalibrated_quantizer_gives_activations_but_no_features(bert: Encoder) -> None:
    extractor = FeatureExtractor(bert, spec_for(bert, quantizer="uint8"))
    assert sum(len(values) for values in extractor.activations(block(["the news"]))) == 4
    with pytest.raises(UsageError, match="calibrate it before"):
        extractor.extract(block(["the news"]))


@pytest.mark.parametrize("quantizer", ["uint8:per-tensor:min-max", "uint8:per-dimension:histogram"])
@pytest.mark.parametrize("layers", ["mean:3", "stack:2"])
def test_activations_calibrate_a_quantizer_that_then_fits_them(bert: Encoder, quantizer: str, layers: str) -> None:
    spec = spec_for(bert, quantizer=quantizer, layers=layers)
    extractor = FeatureExtractor(bert, spec, 64)
    calibrated = calibrate(spec.quantizer, lambda: extractor.activations(block(TEXTS, PAIRS)))
    extraction = FeatureExtractor(bert, spec.with_quantizer(calibrated), 64).extract(block(TEXTS, PAIRS))
    own = calibrated.dequantize(torch.from_numpy(extraction.features.packed), 32)
    reference = activations(bert, block(TEXTS, PAIRS), 64, quantizer=quantizer, layers=layers)
    assert (own - reference).abs().mean() < 0.05 * reference.abs().mean()


def test_a_budget_below_one_token_is_refused(bert: Encoder) -> None:
    with pytest.raises(UsageError, match="token budget 0"):
        FeatureExtractor(bert, spec_for(bert), 0)
