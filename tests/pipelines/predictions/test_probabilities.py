from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encore.pipelines.predictions.probabilities import (
    MAP,
    STRUCT_CLASSES,
    as_map,
    as_struct,
    with_classes,
    with_classes_type,
)

ODD = ("sports", "a b", "it's", 'say "x"', "a.b", "ü", "a,b", " ", "doc_id")
"""Names of classes that are awkward as names of columns."""


def lists(*rows: list[float] | None) -> pa.ListArray:
    return pa.array(rows, pa.list_(pa.float32()))


@pytest.mark.parametrize("form", [as_map, as_struct])
def test_every_class_has_its_probability(form, tmp_path) -> None:
    values = np.random.default_rng(0).random((5, len(ODD)), np.float32)
    column = form(lists(*values.tolist()), ODD)
    pq.write_table(pa.table({"p": column}), tmp_path / "p.parquet")
    rows = pq.read_table(tmp_path / "p.parquet")["p"].to_pylist(maps_as_pydicts="strict")
    assert rows == [dict(zip(ODD, row, strict=True)) for row in values.tolist()]


@pytest.mark.parametrize("form", [as_map, as_struct])
def test_documents_without_probabilities_have_null(form) -> None:
    column = form(lists(None, [0.25, 0.75], None, [1, 0]).slice(1), ("no", "yes"))
    assert column.to_pylist(maps_as_pydicts="strict") == [{"no": 0.25, "yes": 0.75}, None, {"no": 1, "yes": 0}]
    assert form(lists(None), ("no", "yes")).to_pylist() == [None]
    assert form(lists(), ("no", "yes")).to_pylist() == []


def test_a_struct_has_every_class_unless_it_could_be_misread() -> None:
    assert with_classes_type(ODD) == pa.struct([(name, pa.float32()) for name in ODD])
    many = [f"class {number}" for number in range(STRUCT_CLASSES + 1)]
    for classes in (many, ("Sports", "sports"), ("STRASSE", "straße")):
        assert with_classes_type(classes) == MAP, "names that differ in case alone, or too many of them"
        column = with_classes(lists([0.5] * len(classes)), classes)
        assert (column.type, len(column.to_pylist()[0])) == (MAP, len(classes))
    assert with_classes_type(many[:-1]) == with_classes(lists(), many[:-1]).type
