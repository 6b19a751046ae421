"""Agents that have to answer: where no glimpse is left, they say what they hold likeliest."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.policies.answers.posterior import PosteriorPolicy
from agents.saving.bundle import Agent
from envs.tasks import NO_ANSWER
from experiments.agent.environment import AgentEnvironment


class AnswersInTheEnd:
    """An agent that answers with its last glimpse, as people with a pair of pictures do.

    Agents learn to look on while they are unsure, and a look that there is not ends an episode as
    wrong. What the agent holds likeliest is its answer posterior; an agent without one acts as it
    always does.

    Args:
        agent: with its policy.
        environment: in which it plays.
    """

    def __init__(self, agent: Agent, environment: AgentEnvironment) -> None:
        self._agent, self._rows = agent, environment.rows
        self._policy: Any = agent.policy

    @torch.no_grad()
    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """See `agents.evaluation.Predictor`."""
        actions, state = self._agent.predict(observation, state, episode_start, deterministic)
        control = self._rows.control
        asks = control.read(actions, len(actions)).answer == NO_ANSWER
        forced = asks & (self._rows.looks_taken >= self._rows.max_looks)
        if forced.any() and isinstance(self._policy, PosteriorPolicy):
            seen, _ = self._policy.obs_to_tensor(observation)  # type: ignore[attr-defined]
            likeliest = self._policy.answer_log_probabilities(seen).argmax(dim=1).cpu().numpy()
            actions = np.array(actions)
            actions[forced] = control.encode_answer(likeliest[forced])
        return actions, state
