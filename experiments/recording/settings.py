"""The flags of `record_dataset`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiments.agent.flags import AgentFlags


@dataclass(frozen=True)
class RecordDatasetSettings(AgentFlags):
    """Flags of `python -m experiments.record_dataset`."""

    episodes: int = 100
    """Episodes to record."""
    epsilon: float = 0.0
    """Probability that an action is random and not the agent's, from 0 to 1, a random policy."""
    flatten: bool = False
    """Whether observations are stored as one Box, for libraries that take no Dict."""
    name: str | None = None
    """Name of the data set, to which Minari's -v0 is added; by default that of the environment with
    -agent, such as GQNShepard-agent."""
    num_envs: int = 64
    """Environments side by side."""
    seed: int = 0
    """Seed of everything random; the episodes do not depend on how many environments there are."""
    output: Path | None = None
    """Output folder; by default runs/record_dataset-<time>. The data set is in <name>-v0 there."""
