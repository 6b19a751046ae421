"""Values of hyperparameters: numbers are read as numbers, and what cannot be is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.algorithms.algorithm import ALGORITHMS, algorithm_named
from agents.factory import load_hyperparameters
from agents.hyperparameter_values import RULES, checked, read_yaml
from experiments.rllib.hyperparameters import flat, translate
from gqn_rl.errors import UserError

NEVER = (None, [], {"a": 1}, "high", float("nan"), float("inf"), -3.5, b"x")
"""Values that no number, no name in a table and no list of widths is."""
REFUSED = {
    "n_timesteps": (*NEVER, 0, -1, 2.5, True, 10**30),
    "num_envs": (*NEVER, 0, 1.5),
    "batch_size": (*NEVER, 0, 1),
    "learning_rate": (*NEVER, 0, "lin_", "lin_x", "lin_-1", "lin_inf", "exp_1"),
    "gamma": (*NEVER, 1.01, -0.1, True),
    "aux_coef": (*NEVER, -1),
    "policy": (None, 3, ["a"]),
    "policy_kwargs": (None, 3, "a", ["a"]),
    "policy_kwargs.net_arch": (3, "64", [0], ["a"], [[64]], [-1], [1.5]),
    "policy_kwargs.activation_fn": (3, ["silu"]),
    "policy_kwargs.features_extractor_kwargs.hidden": (None, 3, "64", [0], [None]),
    "policy_kwargs.features_extractor_kwargs.dropout": (None, "a", 1.5, -0.1),
}
OF_ONE_ALGORITHM = {
    "ppo": {"clip_range": (*NEVER, 0), "ent_coef": (*NEVER, "auto"), "n_epochs": (*NEVER, 0)},
    "sac": {
        "ent_coef": (*NEVER, "auto_", "auto_x", "auto_0"),
        "train_freq": (*NEVER, 0, [1], [1, "day"], [0, "step"]),
        "gradient_steps": (*NEVER, 0, -2),
        "target_entropy": (None, [], "manual"),
        "buffer_size": (*NEVER, 0),
    },
}
CASES = [
    (algo, name, value)
    for algo in ALGORITHMS
    for name, values in (REFUSED | OF_ONE_ALGORITHM[algo]).items()
    for value in values
]


def nested(name: str, value: Any) -> dict[str, Any]:
    for part in reversed(name.split(".")):
        value = {part: value}
    return value


@pytest.mark.parametrize(("algo", "name", "value"), CASES, ids=str)
def test_values_that_cannot_be_are_refused_in_one_line(algo: str, name: str, value: Any) -> None:
    with pytest.raises(UserError) as refusal:
        load_hyperparameters(algo, "any", nested(name, value))
    assert f"hyperparameter {name}" in str(refusal.value)
    assert "expected" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_what_ships_is_left_as_it_is(algo: str) -> None:
    algorithm = algorithm_named(algo)
    for section in algorithm.hyperparameters():
        shipped = load_hyperparameters(algo, section)
        again = checked(shipped, algorithm.rules)
        assert repr(again) == repr(shipped)  # 1 stays 1, 1.0 stays 1.0


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_every_hyperparameter_that_ships_has_a_rule(algo: str) -> None:
    algorithm = algorithm_named(algo)
    sections = algorithm.hyperparameters().values()
    names = {name for section in sections for name, _ in flat(dict(section))}
    shaped = {name.replace(".pi", "").replace(".vf", "") for name in names}
    assert shaped <= set(algorithm.rules)


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "+1e-3", "1.e-3", "1.0e-3", "0.1e-2", "'1e-3'"])
def test_numbers_are_numbers_however_yaml_writes_them(text: str, tmp_path: Path) -> None:
    path = tmp_path / "file.yml"
    path.write_text(f"default:\n  learning_rate: {text}\n  n_timesteps: 1e4\n")
    found = load_hyperparameters("ppo", "any", path=path)
    assert (found["learning_rate"], found["n_timesteps"]) == (1e-3, 10_000)
    assert isinstance(found["n_timesteps"], int)


@pytest.mark.parametrize("text", ["lin_1e-3", "e-3", "1e", "e", "true", "no e", "1e-3x"])
def test_other_text_is_read_as_yaml_reads_it(text: str) -> None:
    assert read_yaml(text) == yaml.safe_load(text)


@pytest.mark.parametrize("name", ["n_steps", "gamma", "learning_rate", "ent_coef", "batch_size"])
def test_the_translation_for_rllib_refuses_the_same(name: str) -> None:
    settings = load_hyperparameters("ppo", "any") | {name: "many"}
    with pytest.raises(UserError, match=f"hyperparameter {name} is 'many'"):
        translate(settings)


def test_names_without_a_rule_are_left_to_their_owner() -> None:
    own = {"temperature": "warm", "policy_kwargs": {"depth": [None]}}
    assert checked(own, RULES) == own
