"""Numbers that change during training."""

from __future__ import annotations

import pytest

from gqn_rl.gqn.schedules import geometric, linear_between, warmup_cosine


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


def test_a_straight_line_between_two_levels() -> None:
    values = [linear_between(k, 10, 20, 3.0, 1.0) for k in (0, 10, 15, 20, 90)]
    assert values == [3.0, 3.0, 2.0, 1.0, 1.0]
