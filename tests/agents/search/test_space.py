"""Search spaces name hyperparameters that exist, and whatever is drawn from them builds a model."""

from __future__ import annotations

import random
from typing import Any

import pytest

from agents.algorithms.algorithm import ALGORITHMS, algorithm_named
from agents.factory import load_hyperparameters, make_model, merged
from agents.sb3_vec_env import GymnasiumVecEnv
from agents.search.space import parameters_of, search_space, suggested
from tests.agents.fake_env import NUM_ANSWERS, fake_vector_env


class Drawn:
    """A trial at random."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.logarithmic: set[str] = set()

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return self._random.randint(low, high)

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        self.logarithmic |= {name} if log else set()
        return self._random.uniform(low, high)

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        assert all(isinstance(choice, str) for choice in choices)
        return self._random.choice(choices)


def sections(algo: str) -> list[str]:
    return list(algorithm_named(algo).search_space())


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_whatever_is_drawn_builds_a_model(algo: str) -> None:
    for section in sections(algo):
        settings = load_hyperparameters(algo, section)
        continuous = "Continuous" in section or algo == "sac"
        for seed in range(3):
            changes = suggested(Drawn(seed), search_space(algo, section))
            for name, value in changes.items():
                assert isinstance(settings[name], dict) == isinstance(value, dict)
            rows = fake_vector_env(2, continuous=continuous, prospects=True)
            env = GymnasiumVecEnv(rows)
            model: Any = make_model(
                algo, env, merged(settings, changes), num_answers=NUM_ANSWERS, device="cpu"
            )
            assert model.gamma == changes["gamma"]


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_an_ids_section_takes_names_away(algo: str) -> None:
    named, *_ = [section for section in sections(algo) if section != "default"]
    assert "aux_coef" in search_space(algo, "default")
    assert "aux_coef" not in search_space(algo, named)
    assert "gamma" in search_space(algo, named)


def test_values_are_written_as_the_file_says() -> None:
    trial = Drawn(0)
    space = {
        "rate": {"low": 1e-4, "high": 1e-2, "log": True, "as": "lin_{}"},
        "count": {"low": 2, "high": 8},
        "kwargs.net.hidden": {"choices": [[64, 32], [8]]},
        "coef": {"choices": ["auto_0.1"]},
    }
    changes = suggested(trial, space)
    assert changes["rate"].startswith("lin_0.00")
    assert trial.logarithmic == {"rate"}
    assert isinstance(changes["count"], int)
    assert changes["kwargs"]["net"]["hidden"] in ([64, 32], [8])
    assert changes["coef"] == "auto_0.1"


class Told:
    """A trial that draws what it was told."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._parameters = parameters

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return int(self._parameters[name])

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return float(self._parameters[name])

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        assert self._parameters[name] in choices
        return self._parameters[name]


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_trial_can_be_told_the_settings_of_the_file(algo: str) -> None:
    for section in sections(algo):
        settings = load_hyperparameters(algo, section)
        space = search_space(algo, section)
        parameters = parameters_of(settings, space)
        assert "gamma" in parameters
        known = {name: space[name] for name in parameters}
        again = merged(settings, suggested(Told(parameters), known))
        assert same_numbers(again) == same_numbers(settings)


def same_numbers(settings: Any) -> Any:
    """Settings in which a number has one spelling: lin_1.0e-3 and lin_0.001 are the same."""
    if isinstance(settings, dict):
        return {name: same_numbers(value) for name, value in settings.items()}
    if isinstance(settings, str) and settings.startswith("lin_"):
        return float(settings.removeprefix("lin_"))
    return settings


def test_settings_outside_of_the_space_are_not_told() -> None:
    space = {
        "rate": {"low": 1e-4, "high": 1e-2, "log": True, "as": "lin_{}"},
        "count": {"low": 2, "high": 8},
        "net.hidden": {"choices": [[64, 32], [8]]},
        "net.heads": {"choices": [1, 2]},
    }
    settings = {"rate": 1e-3, "count": 9, "net": {"hidden": [7]}}
    assert parameters_of(settings, space) == {}
    inside = {"rate": "lin_1e-3", "count": 8, "net": {"hidden": [8], "heads": 2}}
    expected = {"rate": 1e-3, "count": 8, "net.hidden": "[8]", "net.heads": "2"}
    assert parameters_of(inside, space) == expected
