"""One network from observations to what an agent does.

`predict` of Stable-Baselines3 is NumPy in, NumPy out; this is what lies between, for those who
want to run an agent elsewhere.
"""

from __future__ import annotations

import torch
from gymnasium import spaces
from torch import Tensor, nn

from agents.algorithms.algorithm import algorithm_named
from agents.saving.bundle import Agent
from gqn_rl.errors import UserError


class ActingNetwork(nn.Module):
    """Observation parts (B, ...) float32, in the order of `keys`, to what the agent does.

    See `Algorithm.act`. Of Discrete actions that is their probabilities (B, A); the agent's best
    action is the largest. Of a Box it is the best action (B, A) in [-1, 1].

    Args:
        agent: that sees numbers; agents on pixels need the images of past looks, which no single
            observation holds.

    Raises:
        UserError: for an agent on pixels.
    """

    takes_parts = True
    free_axes = 1

    def __init__(self, agent: Agent) -> None:
        super().__init__()
        space = agent.policy.observation_space
        assert isinstance(space, spaces.Dict)
        if "looks" in space.spaces:
            raise UserError(
                f"agent {str(agent.path)!r} acts on pixels, expected one on representation or "
                "state: it reads images that no single observation holds"
            )
        self.space = space
        self.keys = tuple(space.spaces)
        self.algorithm = algorithm_named(agent.record.algo)
        self.policy = agent.policy.eval()

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.algorithm.outputs_of(self.policy)

    def forward(self, *parts: Tensor) -> Tensor:
        observation = dict(zip(self.keys, parts, strict=True))
        return self.algorithm.act(self.policy, observation)

    def example(self, count: int, seed: int) -> dict[str, Tensor]:
        """Observations anywhere in their space, by key; at most 3 where it has no end."""
        generator = torch.Generator().manual_seed(seed)
        found = {}
        for key, space in self.space.spaces.items():
            assert isinstance(space, spaces.Box)
            low, high = (torch.as_tensor(end).clamp(-3.0, 3.0) for end in (space.low, space.high))
            share = torch.rand(count, *space.shape, generator=generator)
            found[key] = (low + share * (high - low)).float()
        return found
