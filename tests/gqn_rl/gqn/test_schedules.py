"""Numbers that change during training."""

from __future__ import annotations

import pytest

from gqn_rl.gqn.schedules import geometric, linear, warmup_cosine
from gqn_rl.training.recipe import RECIPES, recipe


def test_warmup_rises_then_falls_to_its_floor() -> None:
    rates = [warmup_cosine(k, 100, 2.0, 10, floor=0.1) for k in range(150)]
    assert rates[0] == pytest.approx(0.2)
    assert max(rates) == rates[9] == rates[10] == 2.0
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[100:] == [pytest.approx(0.2)] * 50
    assert min(rates) > 0


def test_sigma_falls_by_a_constant_factor_and_stays_positive() -> None:
    values = [geometric(k, 50, 1.0, 0.01) for k in range(200)]
    assert values[0] == 1.0
    assert values[25] == pytest.approx(0.1)
    assert values[50:] == [pytest.approx(0.01)] * 150
    assert min(values) > 0
    assert geometric(5, 0, 1.0, 0.5) == 0.5


def test_a_line_ends_where_it_should_and_stays_there() -> None:
    values = [linear(k, 10, 3.0, 1.0) for k in (0, 5, 10, 80)]
    assert values == [3.0, 2.0, 1.0, 1.0]


def test_the_published_schedules_have_the_papers_numbers() -> None:
    """Eslami et al. (2018), supplement, table S1."""
    published = recipe("published")
    steps = (0, 100_000, 200_000, 2_000_000)
    assert [published.sigma_at(k) for k in steps] == pytest.approx([2.0, 1.35, 0.7, 0.7])
    steps = (0, 800_000, 1_600_000, 2_000_000)
    rates = [published.learning_rate_at(k) for k in steps]
    assert rates == pytest.approx([5e-4, 2.75e-4, 5e-5, 5e-5])
    assert published.batch_size == 36


def test_sigma_never_leaves_the_range_between_its_ends() -> None:
    for name in RECIPES:
        chosen = recipe(name)
        lowest = min(chosen.sigma_start, chosen.sigma_end)
        for step in (0, 1, chosen.iterations, 10 * chosen.iterations):
            assert lowest <= chosen.sigma_at(step) <= chosen.sigma_start
