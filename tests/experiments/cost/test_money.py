from __future__ import annotations

from dataclasses import replace

import pytest

from encore.experiments.cost import BUILT_IN, CorpusSize, EncoderShape, Methods, MoneyComparison, Prices, compare_money
from encore.experiments.cost.money import ASSUMED, EncodeOnceCost
from encore.featurestore.errors import UsageError
from encore.featurestore.layers import LayerPooling

LARGE, DISTILLED = BUILT_IN["roberta-large"], BUILT_IN["distilroberta"]
PRICES = Prices(gb_month=0.05, device_hour=3.0, device_tflops=10.0, utilization=0.5, months=2.0)


def compared(
    documents: int = 1_000_000,
    tasks: int = 14,
    prices: Prices = PRICES,
    layers: str = "mean:16",
    positions: str = "tokens",
    queries: int = 1,
) -> MoneyComparison:
    methods = Methods.of(LARGE, DISTILLED, 50, queries)
    corpus = CorpusSize(documents, 50, tasks)
    return compare_money(LARGE, methods, corpus, prices, LayerPooling.parse(layers), positions, queries)


def test_device_hours_are_flops_by_the_speed_that_is_reached() -> None:
    found = compared()
    # 30.44 G FLOPs a document, a million documents, 5 TFLOP/s.
    assert found.encode_once.flops == 30_444_748_800 * 10**6
    assert found.encode_once.hours == pytest.approx(30_444_748_800e6 / 5e12 / 3600)
    assert found.encode_once.cost == pytest.approx(3 * found.encode_once.hours)
    assert found.fine_tuned.hours == pytest.approx(14 * found.encode_once.hours)
    assert found.distilled.flops == 14 * 4_292_812_800 * 10**6
    assert found.heads.flops == 14 * (7_471_104 + 2 * 1024**2) * 10**6


def test_storage_costs_bytes_by_price_by_months() -> None:
    found = compared().stored
    assert found["sign"].document_bytes == 6400
    assert found["sign"].corpus_bytes == 6_400_000_000
    assert found["sign"].storage_cost == pytest.approx(6.4 * 0.05 * 2)
    assert found["float16"].storage_cost == pytest.approx(16 * found["sign"].storage_cost)
    assert compared(layers="stack:24").stored["sign"].document_bytes == 24 * 6400


def test_all_together_is_encoding_storage_and_heads() -> None:
    found = compared()
    for stored in found.stored.values():
        expected = found.encode_once.cost + stored.storage_cost + found.heads.cost
        assert stored.total_cost == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["float16", "sign"])
def test_at_the_break_even_both_ways_cost_the_same(kind: str) -> None:
    found = compared(tasks=1).stored[kind]
    for tasks, per_task in (
        (found.break_even, compared(tasks=1).fine_tuned),
        (found.break_even_distilled, compared(tasks=1).distilled),
    ):
        assert tasks is not None
        once = found.total_cost - compared(tasks=1).heads.cost
        assert once + tasks * compared(tasks=1).heads.cost == pytest.approx(tasks * per_task.cost)


def test_without_a_price_of_storage_the_break_even_is_that_of_the_flops() -> None:
    free = Prices(gb_month=0.0)
    found = compared(prices=free).stored["float16"]
    # The classifier, which figure 4 leaves out, moves the crossing in its third digit.
    assert found.break_even_distilled == pytest.approx(7.1044, abs=0.005)


def test_where_a_device_costs_nothing_storage_is_never_earned_back() -> None:
    found = compared(prices=Prices(device_hour=0.0)).stored["sign"]
    assert (found.break_even, found.break_even_distilled) == (None, None)


def test_a_store_of_one_position_has_heads_without_attention() -> None:
    found = compared(positions="mean")
    assert found.heads.flops == 14 * 2 * 1024**2 * 10**6
    assert found.stored["sign"].document_bytes == 128


def test_queries_are_paid_for_by_the_heads_alone() -> None:
    one, four = compared(), compared(queries=4)
    assert four.heads.flops == 4 * one.heads.flops
    assert four.encode_once == one.encode_once
    assert compared(positions="cls", queries=4).heads == compared(positions="cls").heads


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"gb_month": -1.0}, "price per GB and month -1: expected 0 or more"),
        ({"gb_month": float("nan")}, "price per GB and month nan"),
        ({"device_hour": float("inf")}, "price per device-hour inf"),
        ({"months": -0.5}, "months -0.5"),
        ({"device_tflops": 0.0}, "device TFLOP/s 0: expected more than 0"),
        ({"utilization": 0.0}, "utilization 0: expected a share"),
        ({"utilization": 30.0}, "utilization 30: expected a share above 0, at most 1, such as 0.3"),
        ({"utilization": float("nan")}, "utilization nan"),
    ],
)
def test_impossible_prices_are_refused(fields: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Prices(**fields)


@pytest.mark.parametrize("field", ["documents", "tokens", "tasks"])
def test_a_corpus_of_nothing_is_refused(field: str) -> None:
    with pytest.raises(UsageError, match=f"{field} 0: expected 1 or more"):
        CorpusSize(**({"documents": 1, "tokens": 1, "tasks": 1} | {field: 0}))


def test_keeping_is_told_as_a_multiple_of_encoding_and_the_size_of_encoder_that_it_pays_for() -> None:
    found = compared().stored["sign"]
    assert found.keeping_per_encoding == pytest.approx(found.storage_cost / compared().encode_once.cost)
    assert compared(tasks=1).stored["sign"].size_that_pays is None


def test_an_encoder_of_the_size_that_pays_breaks_even_at_the_tasks_that_were_asked() -> None:
    def priced(shape: EncoderShape) -> EncodeOnceCost:
        methods = Methods.of(shape, DISTILLED, 50)
        pooling = LayerPooling.parse("last")
        return compare_money(shape, methods, CorpusSize(10, 50, 14), Prices(), pooling, "tokens").stored["sign"]

    size = priced(BUILT_IN["minilm"]).size_that_pays
    assert size is not None
    deeper = EncoderShape.of_bert("deeper", round(size / 384), 384, 1536)
    assert priced(deeper).break_even == pytest.approx(14, rel=0.05)


def test_the_cheapest_of_equal_kinds_is_the_first_by_name_in_whatever_order_they_stand() -> None:
    found = compared()
    turned = replace(found, stored=dict(reversed(found.stored.items())))
    assert found.stored["sign"].storage_cost == found.stored["sign-centred"].storage_cost
    assert found.cheapest == turned.cheapest == "sign"


def test_where_computing_costs_nothing_there_is_no_multiple() -> None:
    free = compared(prices=replace(PRICES, device_hour=0)).stored["sign"]
    assert (free.keeping_per_encoding, free.size_that_pays) == (None, None)


def test_every_default_says_what_it_stands_for() -> None:
    assert ASSUMED.keys() == vars(Prices()).keys()
    for name, value in vars(Prices()).items():
        assert ASSUMED[name].startswith((f"{value:g} ", f"{value:g}:"))
