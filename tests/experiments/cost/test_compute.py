from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from encore.experiments.cost import (
    BUILT_IN,
    CostLine,
    Methods,
    classifier_flops,
    folded_attention_flops,
    pair_attention_flops,
    paper_attention_flops,
    reference,
)
from encore.experiments.cost.compute import first_cheaper, round_up
from encore.heads.batches.batch import Batch
from encore.heads.model.attention import AttentionPooling
from encore.heads.model.classifier import Classifier
from encore.heads.model.pair import PairPooling

GIGA = 10**9
PAPER = Methods.of(BUILT_IN["roberta-large"], BUILT_IN["distilroberta"], 50)


@pytest.mark.parametrize(
    "row", [row for row in reference.TABLE_3 if not row.misprint], ids=lambda row: f"{row.section}-{row.row}"
)
def test_the_flops_of_table_3_are_within_two_percent_of_what_is_printed(row: reference.PrintedFlops) -> None:
    line = {line.key: line for line in PAPER.lines}[row.method]
    assert line.at(14) / GIGA == pytest.approx(row.printed, rel=0.02)


def test_the_printed_column_is_the_papers() -> None:
    printed = {"a": [61, 430, 430], "b": [31, 31, 34, 34, 34], "c": [31, 31, 34, 34, 34, 34, 34], "d": [31], "e": [31]}
    assert {s: [row.printed for row in reference.TABLE_3 if row.section == s] for s in "abcde"} == printed


def test_only_the_attention_head_of_3d_is_printed_with_the_figure_of_a_pooled_one() -> None:
    [misprint] = [row for row in reference.TABLE_3 if row.misprint]
    assert (misprint.section, misprint.method, misprint.printed) == ("d", "attention", 31)
    assert PAPER.attention.at(14) / GIGA == pytest.approx(34, rel=0.02)
    assert PAPER.attention.at(14) / GIGA > 31 * 1.05
    assert reference.printed_flops("attention") == 34
    assert reference.printed_flops("folded") is None


def test_figure_4_has_the_papers_intercepts_and_slopes() -> None:
    once, distilled = 24 * (24 * 1024**2 + 4 * 50 * 1024) * 50, 6 * (24 * 768**2 + 4 * 50 * 768) * 50
    assert once / GIGA == pytest.approx(30.5, abs=0.06)
    found = {line.key: (line.intercept, line.slope) for line in PAPER.lines}
    assert found == {
        "fine_tuned": (0, once),
        "distilled": (0, distilled),
        "pooled": (once, 0),
        "attention": (once, 2 * 2 * 1024**2 * 50),
        "folded": (once, 2 * 2 * 16 * 1024 * 50 + 4 * 1024**2),
    }
    assert found["attention"][1] / 10**6 == pytest.approx(210, abs=0.5)
    assert found["folded"][1] / 10**6 == pytest.approx(7.5, abs=0.05)


def test_figure_4_crosses_between_seven_and_eight_tasks() -> None:
    crossings = [line.break_even(PAPER.distilled) for line in PAPER.frozen]
    assert crossings == pytest.approx([7.0920, 7.4563, 7.1044], abs=1e-4)
    assert [round_up(tasks) for tasks in crossings if tasks is not None] == ["7.10", "7.46", "7.11"]
    for line in PAPER.frozen:
        assert line.at(7) > PAPER.distilled.at(7)
        assert line.at(8) < PAPER.distilled.at(8)


def test_fine_tuning_the_full_model_is_never_efficient() -> None:
    for line in PAPER.frozen:
        assert line.at(2) < PAPER.fine_tuned.at(2)
    assert PAPER.pooled.break_even(PAPER.fine_tuned) == 1


def test_the_lines_meet_at_the_break_even() -> None:
    low, high = CostLine("a", "a", 100, 1), CostLine("b", "b", 10, 4)
    tasks = low.break_even(high)
    assert tasks == 30
    assert low.at(30) == high.at(30)
    assert high.break_even(low) is None
    assert CostLine("c", "c", 5, 4).break_even(high) == 0
    assert CostLine("d", "d", 5, 1).break_even(high) == 0
    assert high.break_even(high) is None


@pytest.mark.parametrize(
    ("tasks", "text", "first"), [(7.1044, "7.11", 8), (7.1, "7.10", 8), (8.0, "8.00", 9), (0.25, "0.25", 1)]
)
def test_a_break_even_is_rounded_up_and_the_next_whole_task_is_cheaper(tasks: float, text: str, first: int) -> None:
    assert (round_up(tasks), first_cheaper(tasks)) == (text, first)


def counted(module: torch.nn.Module, inputs: torch.Tensor | Batch) -> int:
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        module(inputs)
    return counter.get_total_flops()


@pytest.mark.parametrize("queries", [1, 3])
def test_the_folded_count_is_that_of_the_head_that_runs(queries: int) -> None:
    width, tokens = 128, 9
    pooling = AttentionPooling(width, queries=queries)
    with FlopCounterMode(display=False) as folding, torch.inference_mode():
        pooling.folded_queries()
    flops = counted(pooling, Batch.of(torch.randn(1, tokens, width), torch.tensor([tokens])))
    assert flops - folding.get_total_flops() == folded_attention_flops(width, tokens, queries)


def test_the_count_for_pairs_is_that_of_the_head_that_runs() -> None:
    width, tokens = 128, 9
    pooling = PairPooling(width)
    with FlopCounterMode(display=False) as folding, torch.inference_mode():
        pooling.attention.folded_queries()
    flops = counted(pooling, Batch.of(torch.randn(1, tokens, width), torch.tensor([tokens]), torch.tensor([4])))
    assert flops - folding.get_total_flops() == pair_attention_flops(width, tokens)


@pytest.mark.parametrize("queries", [1, 3])
def test_the_classifiers_count_is_that_of_the_one_that_runs(queries: int) -> None:
    classes = 5
    flops = counted(Classifier(128, classes, vectors=queries).eval(), torch.randn(1, queries * 128))
    assert flops - 2 * 128 * classes == classifier_flops(128, queries)


def test_the_papers_attention_projects_keys_and_values_of_every_token() -> None:
    width, tokens = 64, 7
    projection = torch.nn.Linear(width, 2 * width)
    assert paper_attention_flops(width, tokens) == counted(projection, torch.randn(tokens, width))
