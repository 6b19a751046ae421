"""The flags that commands about agents share."""

from __future__ import annotations

import json
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from agents.factory import load_hyperparameters
from envs.scene_vector_env import SceneVectorEnv
from envs.tasks import TASKS, make_task
from experiments.agent.flags import AgentFlags, DifficultyFlags, NewAgentFlags, TrialFlags
from experiments.agent.settings import EARLY_ANSWERS, TrainAgentSettings
from experiments.evaluate_agent import EvaluateAgentSettings
from experiments.play_episode import PlayEpisodeSettings
from experiments.pretrain_gqn import Settings as PretrainSettings
from experiments.rllib.settings import TrainRllibSettings
from experiments.shared.command import SETTINGS_NAME
from experiments.shared.continuation import EXTENDED, PLACES, READ_ANEW, stored_settings
from gqn_rl.errors import UserError

EARLIER_RUN = {
    "env_id": "GQNShepard-v0",
    "algo": "ppo",
    "total_timesteps": 576,
    "num_envs": 6,
    "observation": "representation",
    "encoder": "random",
    "renderer": "pybullet",
    **dict.fromkeys(("gallery_size", "gallery", "colours", "shapes", "orientation", "num_cubes")),
    "max_looks": 4,
    "seed": 0,
    "output": "runs/a",
    "eval_episodes": 6,
    "eval_every": 250,
    "eval_every_episodes": 6,
    "time_limit": 9.0,
    "checkpoint_every": 100,
    "resume": None,
    "hyperparameters": "my.yml",
    "hyper": ["n_steps=16"],
    "optimize": None,
    "study": None,
    "study_timeout": 120.0,
    "device": "cpu",
    "logger": ["tensorboard"],
}
"""settings.json of a run of before these flags were shared."""


@pytest.mark.parametrize("flags", [NewAgentFlags, AgentFlags, TrainAgentSettings])
def test_every_argument_is_one_of_the_environment_or_of_a_task(flags: Any) -> None:
    known = {name for task in TASKS for name in signature(type(make_task(task))).parameters}
    known |= set(signature(SceneVectorEnv).parameters)
    given = flags().arguments()
    assert {"encoder", "renderer", "shapes"} <= set(given)
    assert set(given) <= known


@pytest.mark.parametrize("flags", [EvaluateAgentSettings, PlayEpisodeSettings])
def test_a_trained_agent_keeps_its_environment_unless_told_otherwise(flags: Any) -> None:
    assert set(flags().arguments().values()) == {None}


def test_the_settings_of_earlier_runs_are_read(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_NAME).write_text(json.dumps(EARLIER_RUN))
    stored = stored_settings(tmp_path, TrainAgentSettings)
    assert stored.output == Path("runs/a")
    assert stored.hyperparameters == Path("my.yml")
    assert (stored.hyper, stored.logger) == (("n_steps=16",), ("tensorboard",))
    assert stored.max_minutes == 0.15
    renamed = set(EARLIER_RUN) - {"time_limit"} | {"max_minutes"}
    added = {field.name for flags in (TrialFlags, DifficultyFlags) for field in fields(flags)}
    newer = {"threads", "supervision", "eval_shapes", *added}
    assert {field.name for field in fields(stored)} == renamed | newer
    assert {getattr(stored, name) for name in added} == {None}


def test_what_is_read_anew_is_a_flag() -> None:
    commands = (TrainAgentSettings, TrainRllibSettings, PretrainSettings)
    flags = {field.name for command in commands for field in fields(command)}
    assert flags >= READ_ANEW | EXTENDED | PLACES


def test_angles_are_numbers_or_random() -> None:
    assert EvaluateAgentSettings(angles=("0", "62.5")).arguments()["angles"] == [0.0, 62.5]
    assert EvaluateAgentSettings(angles=("random",)).arguments()["angles"] == "random"
    for wrong in (("random", "60"), ("far",)):
        with pytest.raises(UserError, match="expected degrees or random"):
            EvaluateAgentSettings(angles=wrong).arguments()


def test_supervision_says_what_is_learned_from() -> None:
    told = TrainAgentSettings().hyperparameters_of("ppo")
    assert TrainAgentSettings(supervision="labels").hyperparameters_of("ppo") == told
    assert told["aux_feedback"] == "labels"
    alone = TrainAgentSettings(supervision="none").hyperparameters_of("ppo")
    assert alone["aux_feedback"] == "rewards"
    # Whoever looks on until sure never answers: with reward alone the bias is another.
    assert alone["policy_kwargs"] == told["policy_kwargs"] | EARLY_ANSWERS
    own = TrainAgentSettings(supervision="none", hyper=("policy_kwargs.assurance=9",))
    assert own.hyperparameters_of("ppo")["policy_kwargs"]["confidence_gain"] == 9
    assert own.hyperparameters_of("ppo")["policy_kwargs"]["threshold"] == EARLY_ANSWERS["threshold"]


def test_supervision_that_cannot_be_is_refused() -> None:
    with pytest.raises(UserError, match="'some'"):
        TrainAgentSettings(supervision="some").hyperparameters_of("ppo")
    prediction = {"env_id": "GQNShepardViewPrediction-v0"}
    with pytest.raises(UserError, match=r"supervision is 'labels', .* expected none"):
        TrainAgentSettings(supervision="labels", **prediction).hyperparameters_of("ppo")
    plain = TrainAgentSettings(**prediction).hyperparameters_of("ppo")
    assert TrainAgentSettings(supervision="none", **prediction).hyperparameters_of("ppo") == plain


def test_settings_made_for_an_encoder_count_only_with_it() -> None:
    """With another observation an id is learned as it was before it had settings of its own."""
    own = load_hyperparameters("ppo", "GQNShepard-v0")
    assert TrainAgentSettings().hyperparameters_of("ppo") == own
    assert TrainAgentSettings(encoder=own["encoder"]).hyperparameters_of("ppo") == own
    others: list[dict[str, Any]] = [{"encoder": "gqn"}, {"observation": "state"}]
    for other in others:
        settings = TrainAgentSettings(hyper=("gamma=0.9",), **other)
        expected = load_hyperparameters("ppo", "", {"gamma": 0.9})
        assert settings.hyperparameters_of("ppo") == expected


def test_settings_for_any_observation_count_with_all() -> None:
    prediction: dict[str, Any] = {"env_id": "GQNShepardViewPrediction-v0"}
    own = load_hyperparameters("ppo", prediction["env_id"])
    assert own["encoder"] is not None
    for other in ({"encoder": "base"}, {"observation": "state"}, {"observation": "pixels"}):
        assert TrainAgentSettings(**prediction, **other).hyperparameters_of("ppo") == own
