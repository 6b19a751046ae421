"""The flags of `train_stock_agent`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.agent.flags import EnvironmentFlags
from experiments.shared.device import AgentDeviceFlag
from experiments.shared.threads import OneThreadFlag


@dataclass(frozen=True)
class TrainStockAgentSettings(AgentDeviceFlag, OneThreadFlag, EnvironmentFlags):
    """Flags of `python -m experiments.train_stock_agent`."""

    algo: str = "ppo"
    """ppo or dqn of Stable-Baselines3, or recurrent_ppo of sb3-contrib, which must be installed."""
    observation: str = "representation"
    """What the agent sees: representation, pixels, rgb, state or posterior."""
    total_timesteps: int = 65_536
    """Environment steps to train for."""
    num_envs: int = 32
    """Environments side by side."""
    eval_every: int = 8_192
    """Environment steps between evaluations during training."""
    eval_every_episodes: int = 128
    """Episodes of each evaluation during training."""
    eval_episodes: int = 1000
    """Fresh episodes for the final measurement."""
    seed: int = 0
    """Seed of everything random."""
    output: Path | None = None
    """Run folder; by default runs/train_stock_agent-<time>."""

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"observation": self.observation}
