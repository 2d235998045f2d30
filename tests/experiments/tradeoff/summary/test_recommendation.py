from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from encore.experiments.tradeoff.summary.recommendation import DEFAULT_MAX_LOSS, recommend
from tests.experiments.tradeoff.summary.points import made_up

PLACES = st.lists(
    st.tuples(st.integers(1, 12).map(float), st.integers(60, 90).map(lambda n: n / 100)), min_size=1, max_size=15
)
LOSSES = st.none() | st.integers(0, 20).map(float)
SIZES = st.none() | st.integers(1, 14).map(float)


@given(PLACES, LOSSES, SIZES)
def test_the_recommendation_is_what_a_search_through_all_settings_finds(
    places: list[tuple[float, float]], max_loss: float | None, max_bytes: float | None
) -> None:
    found = recommend(made_up(places), max_loss, max_bytes)
    best = max(accuracy for _, accuracy in places)
    loss_limit = DEFAULT_MAX_LOSS if max_loss is None and max_bytes is None else max_loss
    fitting = [
        (size, accuracy)
        for size, accuracy in places
        if (loss_limit is None or 100 * (best - accuracy) <= loss_limit + 1e-6)
        and (max_bytes is None or size <= max_bytes)
    ]
    assert found.best.accuracy.mean == best
    if not fitting:
        assert found.chosen is None
        assert found.nearest
        return
    assert found.chosen is not None
    chosen = (found.chosen.size.bytes_per_document, found.chosen.accuracy.mean)
    if loss_limit is None:
        assert chosen == min(fitting, key=lambda place: (-place[1], place[0]))
    else:
        assert chosen == min(fitting, key=lambda place: (place[0], -place[1]))


def test_without_any_budget_half_a_point_may_be_lost() -> None:
    found = recommend(made_up([(100, 0.900), (10, 0.896), (1, 0.890)]))
    assert found.chosen is not None
    assert (found.chosen.size.bytes_per_document, found.max_loss) == (10, 0.5)


def test_where_nothing_fits_the_bytes_the_smallest_is_the_nearest() -> None:
    found = recommend(made_up([(100, 0.9), (10, 0.8)]), max_bytes=5)
    assert found.chosen is None
    assert [point.size.bytes_per_document for point in found.nearest] == [10]


def test_where_both_budgets_cannot_be_kept_the_nearest_on_each_side_is_named() -> None:
    found = recommend(made_up([(100, 0.9), (10, 0.8), (1, 0.7)]), max_loss=1, max_bytes=20)
    assert found.chosen is None
    assert [point.size.bytes_per_document for point in found.nearest] == [100, 10]


def test_a_loss_is_certain_only_where_the_whole_interval_is_within_the_budget() -> None:
    assert not recommend(made_up([(100, 0.9), (10, 0.9)], spread=0.01), max_loss=0.5).loss_is_certain
    assert recommend(made_up([(100, 0.9), (10, 0.9)], spread=0.001), max_loss=0.5).loss_is_certain
