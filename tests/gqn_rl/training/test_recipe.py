"""Recipes: their names and changes, and which numbers are refused."""

from __future__ import annotations

import pytest

from gqn_rl.errors import UserError
from gqn_rl.training.recipe import Recipe, recipe


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 0},
        {"iterations": 0},
        {"num_rays": 0},
        {"num_views": 1},
        {"free_fraction": 1.5},
        {"ema_decay": -0.1},
        {"learning_rate": 0.0},
        {"sigma_start": -1.0},
        {"sigma_end": 0.0},
        {"sigma_end": float("nan")},
        {"num_queries": 0},
        {"prior_share": 2.0},
        {"max_gradient_norm": -1.0},
        {"adam_beta2": 1.1},
    ],
)
def test_impossible_recipes_are_refused(change: dict[str, float]) -> None:
    name, value = next(iter(change.items()))
    with pytest.raises(UserError, match=f"{name} is {value}, expected"):
        Recipe(**change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate_schedule": "step"}, "learning_rate_schedule 'step'"),
        ({"sigma_schedule": "none"}, "sigma_schedule 'none'"),
        ({"loss_unit": "bits"}, "loss_unit 'bits'"),
    ],
)
def test_unknown_schedules_list_the_known_ones(change: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=f"{message}; expected one of"):
        Recipe(**change)  # type: ignore[arg-type]


def test_named_recipes_take_changes_and_ignore_what_is_not_given() -> None:
    assert recipe("modern", batch_size=None, seed=3) == Recipe(seed=3)
    with pytest.raises(UserError, match=r"'fast'; expected one of .*published"):
        recipe("fast")
