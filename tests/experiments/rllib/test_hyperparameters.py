"""PPO's hyperparameter file in RLlib's terms: translated or said to be left out, never lost."""

from __future__ import annotations

import math
from typing import Any

import pytest

from agents.algorithms.algorithm import shipped_hyperparameters
from agents.factory import load_hyperparameters, merged
from envs import ENV_IDS
from envs.registration import HARD_ENV_IDS
from experiments.rllib.hyperparameters import flat, translate
from experiments.rllib.settings import TrainRllibSettings
from gqn_rl.errors import UserError


def given(**changes: Any) -> dict[str, Any]:
    return merged(TrainRllibSettings().hyperparameters_of("ppo"), changes)


def test_settings_made_for_another_encoder_are_left_out() -> None:
    """Those of the id count on the refined scene, and RLlib learns from the task's own encoder."""
    settings = TrainRllibSettings(hyper=("gamma=0.9",))
    assert load_hyperparameters("ppo", settings.env_id)["encoder"] is not None
    assert settings.hyperparameters_of("ppo") == load_hyperparameters("ppo", "", {"gamma": 0.9})
    other = TrainRllibSettings(env_id="GQNShepardViewPrediction-v0")
    assert other.hyperparameters_of("ppo") == load_hyperparameters("ppo", other.env_id)
    assert "for_any_observation" not in translate(other.hyperparameters_of("ppo")).left_out


def test_numbers_keep_their_values_under_rllibs_names() -> None:
    settings = given(gamma=0.9, gae_lambda=0.8, n_epochs=3, ent_coef=0.02, vf_coef=0.7)
    training = translate(settings | {"clip_range": 0.3, "max_grad_norm": 2.0}).training
    expected = {"gamma": 0.9, "lambda_": 0.8, "num_epochs": 3, "entropy_coeff": 0.02}
    expected |= {"vf_loss_coeff": 0.7, "clip_param": 0.3, "grad_clip": 2.0}
    assert expected.items() <= training.items()
    # What Stable-Baselines3's PPO does not have either.
    assert training["use_kl_loss"] is False
    assert training["vf_clip_param"] == math.inf


def test_a_falling_learning_rate_ends_with_the_training() -> None:
    settings = given(learning_rate="lin_2e-3", n_timesteps=500)
    assert translate(settings).training["lr"] == [[0, 2e-3], [500, 0.0]]
    assert translate(settings, steps=70).training["lr"] == [[0, 2e-3], [70, 0.0]]
    assert translate(given(learning_rate=3e-4)).training["lr"] == 3e-4


def test_the_network_has_the_widths_of_the_file() -> None:
    kwargs = {"net_arch": {"pi": [8], "vf": [8]}, "activation_fn": "relu"}
    kwargs["features_extractor_kwargs"] = {"hidden": [32, 16]}
    model = translate(given(policy_kwargs=kwargs)).model
    assert model["fcnet_hiddens"] == [32, 16]
    assert model["head_fcnet_hiddens"] == [8]
    assert model["head_fcnet_activation"] == "relu"


def test_what_has_no_counterpart_is_named() -> None:
    settings = given(policy_kwargs={"net_arch": {"vf": [16]}}, target_kl=0.1)
    translation = translate(settings)
    for name in ("aux_coef", "target_kl", "policy", "policy_kwargs.net_arch.vf"):
        assert name in translation.left_out
        assert name in translation.note()
    assert "\n" not in translation.note()


def test_without_an_auxiliary_loss_its_settings_are_not_missed() -> None:
    settings = given(aux_coef=0, policy="MultiInputPolicy")
    settings = merged(settings, {"policy_kwargs": {"features_extractor_kwargs": {"dropout": 0.0}}})
    assert translate(settings).left_out == ()
    assert translate(settings).note() == ""


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_every_key_of_the_file_is_translated_or_named(env_id: str) -> None:
    """A key counts as translated when another value of it changes something."""
    settings = load_hyperparameters("ppo", env_id)
    before = translate(settings)
    for name, value in flat(settings):
        changes: Any = another(value)
        for part in reversed(name.split(".")):
            changes = {part: changes}
        after = translate(merged(settings, changes))
        assert after != before or name in before.left_out or moot(name, settings), name


def another(value: Any) -> Any:
    """A value of the same kind, in the same range."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return value / 2 if value else 0.5
    if value is None or value == "labels":
        return "rewards"
    if value in ("auto", {}):
        return None
    if isinstance(value, str):
        return "lin_7e-3" if value.startswith("lin_") else f"{value}_other"
    return [*value, 7] if isinstance(value, list) else value + 1


def moot(name: str, settings: dict[str, Any]) -> bool:
    unused = name.startswith("aux_") and name != "aux_coef" and not settings["aux_coef"]
    return unused or name == "for_any_observation"  # says when settings count, not what they are


def test_the_files_own_sections_are_covered() -> None:
    sections = shipped_hyperparameters("ppo")
    assert set(sections) - {"default"} <= {*ENV_IDS, *HARD_ENV_IDS}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": "cos_1e-3"}, "learning_rate is 'cos_1e-3'"),
        ({"learning_rate": "lin_-1"}, "learning_rate is 'lin_-1'"),
        ({"clip_range": "lin_0.2"}, "constant number only"),
    ],
)
def test_values_that_rllib_cannot_take_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        translate(given(**changes))
