"""`convert_agent` on files that Stable-Baselines3 has written by itself."""

from __future__ import annotations

import shlex
from pathlib import Path

import gymnasium
import pytest
from stable_baselines3 import PPO

from agents.saving.bundle import load_bundle
from agents.sb3_vec_env import GymnasiumVecEnv
from experiments import convert_agent
from tests.experiments.agent.test_commands import run


def test_a_model_that_stable_baselines3_made_by_itself_becomes_an_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the flags of docs/agents.md."""
    options = {"observation": "state", "autoreset_mode": "SameStep", "gallery_size": 4}
    env = GymnasiumVecEnv(gymnasium.make_vec("envs:GQNShepard-v0", num_envs=2, **options))
    model = PPO("MultiInputPolicy", env, n_steps=8, batch_size=8, seed=1, device="cpu")
    model.save(tmp_path / "agent.zip")
    text = (Path(__file__).parents[3] / "docs" / "agents.md").read_text()
    line = next(line for line in text.splitlines() if "policy=MultiInputPolicy" in line)
    flags = shlex.split(line.strip())[3:]
    flags[flags.index("agent.zip")] = str(tmp_path / "agent.zip")
    flags[flags.index("imported")] = str(tmp_path / "imported")
    flags = ["--observation", "state", "--gallery-size", "4", *flags]
    assert run(convert_agent, monkeypatch, *flags) == 0
    agent, seen = load_bundle(tmp_path / "imported.safetensors"), env.reset()
    expected, _ = model.predict(seen, deterministic=True)
    assert (agent.predict(seen, deterministic=True)[0] == expected).all()
    env.close()
