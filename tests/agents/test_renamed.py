"""Files and flags with the old names of hyperparameters mean what they meant."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from agents.factory import load_hyperparameters, make_model
from agents.renamed import NEW_NAMES, current_names
from agents.saving.bundle import load_bundle, make_record, save_bundle
from agents.sb3_vec_env import GymnasiumVecEnv
from experiments.agent.settings import TrainAgentSettings
from experiments.agent.training import HYPERPARAMETERS, hyperparameters_of
from gqn_rl.errors import UserError
from tests.agents.conftest import small_hyperparameters, small_model
from tests.agents.fake_env import NUM_ANSWERS, fake_vector_env

OLD: dict[str, Any] = {
    "pay_by_look": True,
    "policy_kwargs": {"assurance": 6.0, "sharpness": 2.0, "supervised_belief": False},
}
NEW: dict[str, Any] = {
    "potential_shaping": True,
    "policy_kwargs": {
        "confidence_gain": 6.0,
        "inverse_temperature": 2.0,
        "supervised_posterior": False,
    },
}
PREDICTION = "GQNShepardViewPrediction-v0"


def test_every_old_name_is_tried_here() -> None:
    assert set(NEW_NAMES) == {"pay_by_look", *OLD["policy_kwargs"]}


@pytest.mark.parametrize("place", ["default", PREDICTION])
def test_a_file_with_old_names_is_read_as_with_new_ones(place: str, tmp_path: Path) -> None:
    read = []
    for settings in (OLD, NEW):
        path = tmp_path / "settings.yml"
        path.write_text(json.dumps({place: settings}))  # JSON is YAML
        read.append(load_hyperparameters("ppo", PREDICTION, path=path))
    assert read[0] == read[1]
    assert read[1]["policy_kwargs"]["inverse_temperature"] == 2.0
    assert not set(NEW_NAMES) & {*read[0], *read[0]["policy_kwargs"]}


def test_overrides_with_old_names_win_over_the_file() -> None:
    settings = load_hyperparameters(
        "ppo", "GQNShepardMentalRotation-v0", {"policy_kwargs": {"assurance": 1.5}}
    )
    assert settings["policy_kwargs"]["confidence_gain"] == 1.5  # the file has 6.0
    assert "assurance" not in settings["policy_kwargs"]
    with pytest.raises(UserError, match="'certainty'"):
        load_hyperparameters("ppo", PREDICTION, {"certainty": 1.5})


def test_a_model_is_made_from_old_names() -> None:
    env = GymnasiumVecEnv(fake_vector_env(2))
    own = small_hyperparameters()
    given = own | {"policy_kwargs": own["policy_kwargs"] | OLD["policy_kwargs"]}
    model: Any = make_model("ppo", env, given, num_answers=NUM_ANSWERS, device="cpu")
    policy = model.policy
    assert (policy.confidence_gain, policy.inverse_temperature) == (6.0, 2.0)
    assert not policy.supervised_posterior


def test_a_bundle_with_old_names_acts_as_with_new_ones(tmp_path: Path) -> None:
    kwargs = small_hyperparameters()["policy_kwargs"] | NEW["policy_kwargs"]
    model: Any = small_model(2, policy_kwargs=kwargs)
    record = make_record(
        algo="ppo",
        hyperparameters=small_hyperparameters(policy_kwargs=kwargs),
        num_answers=NUM_ANSWERS,
        env_id="Fake-v0",
        env_kwargs={},
        observation_space=model.env.observation_space,
        action_space=model.env.action_space,
    )
    old = {name: value for name, value in kwargs.items() if name not in NEW["policy_kwargs"]}
    path = save_bundle(
        tmp_path / "agent",
        model.policy,
        replace(record, policy_kwargs=old | OLD["policy_kwargs"]),
    )
    assert "sharpness" in path.with_suffix(".json").read_text()
    agent = load_bundle(path)
    assert agent.policy.inverse_temperature == 2.0  # type: ignore[attr-defined]
    tensors, _ = model.policy.obs_to_tensor(model.env.reset())
    with torch.no_grad():
        one, other = (
            p.get_distribution(tensors).distribution.logits for p in (model.policy, agent.policy)
        )
    assert torch.equal(one, other)


def test_a_run_with_old_names_is_resumed_with_new_ones(tmp_path: Path) -> None:
    """What shapes the rewards is read before a model is made."""
    settings = TrainAgentSettings(resume=tmp_path)
    (tmp_path / HYPERPARAMETERS).write_text(json.dumps(OLD))
    assert hyperparameters_of(settings) == NEW
    (tmp_path / HYPERPARAMETERS).write_text("[1]")
    with pytest.raises(UserError, match="does not hold hyperparameters"):
        hyperparameters_of(settings)


def test_new_names_stay_as_they_are() -> None:
    assert current_names(NEW) == NEW
