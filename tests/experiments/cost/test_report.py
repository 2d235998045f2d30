from __future__ import annotations

import json
from typing import Any

import pytest

from encore.experiments.cost.report import CostRequest, report_cost
from encore.featurestore.errors import UsageError


def test_the_report_is_json_with_exact_numbers() -> None:
    found = json.loads(json.dumps(report_cost(CostRequest(documents=1000)).to_dict()))
    assert found["encoder"]["num_layers"] == 24
    assert found["storage"][1]["document_bytes"]["sign"] == 6400
    assert found["storage"][1]["as_the_paper_rounds"]["sign"] == "6K"
    assert found["flops"]["attention"]["total"] == 30_444_748_800 + 14 * 209_715_200
    assert found["break_even_tasks"]["folded"]["distilled"] == pytest.approx(7.1044, abs=1e-4)
    assert len(found["paper"]) == 17
    assert found["money"]["corpus"] == {"documents": 1000, "tokens": 50, "tasks": 14}
    assert (found["money"]["layers"], found["money"]["positions"]) == ("mean:16", "tokens")
    assert found["money"]["comparison"]["stored"]["sign"]["corpus_bytes"] == 6_400_000


@pytest.mark.parametrize(
    "change", [{"tokens": 51}, {"tasks": 13}, {"encoder": "roberta-base"}, {"distilled": "minilm"}]
)
def test_the_papers_figures_stand_beside_the_papers_request_alone(change: dict[str, Any]) -> None:
    assert report_cost(CostRequest()).is_the_papers
    changed = report_cost(CostRequest(**change))
    assert not changed.is_the_papers
    assert changed.to_dict()["paper"] is None


def test_without_documents_there_is_no_money() -> None:
    assert report_cost(CostRequest()).money is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": 0}, "tasks 0"),
        ({"tokens": -5}, "tokens -5"),
        ({"documents": 0}, "documents 0"),
        ({"queries": 0}, "queries 0"),
        ({"prices": {"gb_month": 1.0}}, "give --documents N"),
        ({"layers": "last"}, "give --documents N"),
        ({"positions": "all", "documents": 1}, "positions 'all': expected one of tokens, cls, mean"),
        ({"layers": "stack:7", "documents": 1, "encoder": "minilm"}, "the encoder has 6 layers"),
        ({"distilled": "./nowhere"}, "no such directory"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        report_cost(CostRequest(**change))
