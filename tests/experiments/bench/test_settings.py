from __future__ import annotations

import pytest

from encore.experiments.bench.settings import layer_average, pooling_settings, quantized, quantized_before, richest
from encore.featurestore import UsageError


def test_the_five_poolings_are_those_of_the_papers_table_3() -> None:
    found = [(s.layers, s.positions, s.pooling, s.layer_mix) for s in pooling_settings(4, 6)]
    assert found == [
        ("last", "cls", "cls", None),
        ("last", "mean", "mean", None),
        ("last", "tokens", "attention", None),
        ("mean:4", "tokens", "attention", None),
        ("stack:6", "tokens", "attention", "learned"),
    ]
    assert all(setting.quantizer == "float16" and setting.queries == 1 for setting in pooling_settings(4, 6))


def test_without_a_first_token_that_sums_up_the_text_cls_is_left_out() -> None:
    assert pooling_settings(4, 6, cls=False) == pooling_settings(4, 6)[1:]
    assert pooling_settings(4, 6)[0].name == "last/cls"


@pytest.mark.parametrize("mean_layers", [0, 7])
def test_an_impossible_m_is_refused(mean_layers: int) -> None:
    with pytest.raises(UsageError, match=f"mean of {mean_layers} layers: the encoder has 6; ask for 1 to 6"):
        pooling_settings(mean_layers, 6)


def test_quantizing_after_layer_pooling_keeps_the_average_and_before_it_keeps_every_layer() -> None:
    after, before = quantized(layer_average(4), "sign", 3), quantized_before(layer_average(4), "sign", 3)
    assert (after.layers, after.layer_mix, after.quantizer, after.queries) == ("mean:4", None, "sign", 3)
    assert (before.layers, before.layer_mix, before.quantizer, before.queries) == ("stack:4", "uniform", "sign", 3)
    assert after.name == "average/mha/sign/3q"
    assert before.name == "average/mha/sign/3q/before"
    assert quantized(layer_average(4), "float16").name == layer_average(4).name
    with pytest.raises(UsageError, match="only an average"):
        quantized_before(pooling_settings(4, 6)[0], "sign")


def test_a_short_request_of_a_quantizer_is_written_out() -> None:
    assert quantized(layer_average(4), "uint8").quantizer == "uint8:per-tensor:min-max"


def test_the_rich_store_is_the_smallest_that_all_settings_come_from() -> None:
    poolings = pooling_settings(4, 6)
    assert richest(poolings, 6) == ("stack:6", "tokens")
    assert richest(poolings[3:4], 6) == ("mean:4", "tokens")
    assert richest((poolings[3], quantized_before(poolings[3], "sign")), 6) == ("stack:4", "tokens")
    assert richest(poolings[:1], 6) == ("last", "cls")
    assert richest(poolings[:3], 6) == ("last", "tokens")


def test_a_head_is_trained_as_the_setting_says() -> None:
    settings = quantized_before(layer_average(4), "sign", 2).train_settings(5, 9)
    assert (settings.poolings, settings.layer_mix, settings.queries) == (("attention",), "uniform", 2)
    assert (settings.epochs, settings.seeds) == (5, (9,))
