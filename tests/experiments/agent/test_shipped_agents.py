"""Agents in the package load with the shipped encoder and do what their record says."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.evaluation import evaluate
from agents.saving.bundle import load_bundle, shipped_agent
from experiments.agent.environment import make_environment

TRAINED = Path(__file__).parents[3] / "agents" / "trained"
ENV_IDS = sorted(path.stem for path in TRAINED.glob("*.safetensors"))


def test_an_agent_ships_for_recognition() -> None:
    assert "GQNShepard-v0" in ENV_IDS


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_a_shipped_agent_knows_its_task(env_id: str) -> None:
    agent = load_bundle(shipped_agent(env_id))
    environment = make_environment(env_id, 32, dict(agent.record.env_kwargs))
    native = environment.native
    agent.require_environment(
        environment.env_id,
        native.single_observation_space,
        native.single_action_space,
        environment.encoder,
    )
    result = evaluate(agent, environment.bridge, 48, seed=31).summary()
    environment.close()
    said = agent.record.training["selected_by"]
    # Wide enough for 48 episodes and for a choice of the best; an agent that has lost its task
    # is much further off.
    if environment.is_graded:
        assert result["reward"] > max(said["reward"] - 0.15, 0.0)
    else:
        assert result["accuracy"] > max(said["accuracy"] - 0.15, environment.chance)
