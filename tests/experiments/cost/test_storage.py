from __future__ import annotations

import pytest
import torch

from encore.experiments.cost import BUILT_IN, storage_rows
from encore.experiments.cost.storage import as_the_paper_rounds, document_bytes, vectors_per_document
from encore.featurestore.layers import LayerPooling
from encore.featurestore.quantizers import REGISTRY, calibrate, parse_quantizer

TABLE_2 = {
    ("last, mean:m", "cls, mean"): {"float16": (2048, "2K"), "uint8": (1024, "1K"), "sign": (128, "128")},
    ("last, mean:m", "tokens"): {"float16": (102_400, "100K"), "uint8": (51_200, "50K"), "sign": (6_400, "6K")},
    ("stack:24", "tokens"): {"float16": (2_457_600, "2.3M"), "uint8": (1_228_800, "1.2M"), "sign": (153_600, "150K")},
}
"""(layers, positions) → quantizer → bytes of a text of 50 tokens: in full, and as the paper prints them."""


def test_table_2_is_the_papers_to_the_byte_and_as_it_rounds() -> None:
    rows = {(row.layers, row.positions): row for row in storage_rows(BUILT_IN["roberta-large"], 50)}
    for setting, expected in TABLE_2.items():
        found = rows[setting].document_bytes
        assert {kind: (found[kind], as_the_paper_rounds(found[kind])) for kind in expected} == expected


def test_a_stack_beside_one_position_costs_a_vector_a_layer() -> None:
    rows = {(row.layers, row.positions): row for row in storage_rows(BUILT_IN["roberta-large"], 50)}
    row = rows["stack:24", "cls, mean"]
    assert (row.vectors, row.document_bytes["float16"]) == (24, 24 * 1024 * 2)


@pytest.mark.parametrize("kind", REGISTRY)
def test_every_quantizer_has_a_column_that_is_the_size_of_what_it_packs(kind: str) -> None:
    values = torch.randn(7, 384, generator=torch.Generator().manual_seed(0))
    quantizer = calibrate(parse_quantizer(kind), lambda: [values])
    found = document_bytes(BUILT_IN["minilm"], 7, LayerPooling("mean", 6), "tokens")
    assert found[kind] == quantizer.quantize(values).numpy().nbytes


@pytest.mark.parametrize(
    ("layers", "positions", "vectors"),
    [
        ("last", "tokens", 9),
        ("mean:3", "mean", 1),
        ("layer:2", "cls", 1),
        ("stack:3", "tokens", 27),
        ("stack:3", "mean", 3),
    ],
)
def test_vectors_are_positions_times_stacked_layers(layers: str, positions: str, vectors: int) -> None:
    assert vectors_per_document(9, LayerPooling.parse(layers), positions) == vectors


@pytest.mark.parametrize(
    ("count", "text"), [(1, "1"), (1023, "1023"), (1024, "1K"), (6400, "6K"), (1048576, "1.0M"), (2457600, "2.3M")]
)
def test_rounding_is_the_papers(count: int, text: str) -> None:
    assert as_the_paper_rounds(count) == text
