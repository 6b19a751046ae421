"""What the steps of the ladder of difficulty (experiments/agent/difficulty.py) ask of anybody.

The ideal observer plays each step, so that what a step costs is what views leave open and no fault
of an agent's.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.evaluation import Evaluation, Predictor, evaluate
from experiments.agent.difficulty import COUNTED, MOST_INFORMATIVE, STEPS
from experiments.agent.environment import AgentEnvironment
from experiments.agent.ideal import IdealAgent, ideal_agent
from experiments.agent.view_strategies import Choice, farthest_choice, random_choice
from experiments.shared import seeds
from gqn_rl.errors import UserError

__all__ = ["COUNTED", "MOST_INFORMATIVE", "STEPS", "Watched", "choices", "ideal_figures"]


def choices(seed: int) -> dict[str, Choice | None]:
    """The rules by which the ideal observer takes its views, by name."""
    random = random_choice(np.random.default_rng([seed, seeds.LADDER_STREAM]))
    return {MOST_INFORMATIVE: None, "farthest views": farthest_choice, "random views": random}


class Watched:
    """The ideal observer, and what it held likeliest after each view.

    Attributes:
        likeliest: by row and number of its episode, an answer for each view.
    """

    def __init__(self, strategy: IdealAgent) -> None:
        self._strategy = strategy
        self._episode: dict[int, int] = defaultdict(lambda: -1)
        self.likeliest: dict[tuple[int, int], list[int]] = defaultdict(list)

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """See `agents.evaluation.Predictor`."""
        actions, posteriors = self._strategy.predict(observation, state, episode_start)
        starts = np.ones(len(actions), bool) if episode_start is None else episode_start
        for row, posterior in enumerate(posteriors):
            self._episode[row] += int(starts[row])
            answer = int(self._strategy.answers(row, posterior).argmax())
            self.likeliest[row, self._episode[row]].append(answer)
        return actions, posteriors

    def right_after(self, evaluation: Evaluation, views: int) -> float:
        """Share of the episodes in which the right answer was the likeliest after so many views, or
        after the last one where it took fewer."""
        right = [
            self.likeliest[row, number][:views][-1] == episode.target
            for row, played in evaluation.by_row().items()
            for number, episode in enumerate(played)
        ]
        return float(np.mean(right))


def ideal_figures(environment: AgentEnvironment, episodes: int, seed: int) -> dict[str, Any]:
    """What the ideal observer needs, by the rule by which it takes its views.

    Returns:
        Rule to the figures of `Evaluation.summary`, and `right_after`, number of views to the share
        of episodes in which the right answer then is the likeliest.

    Raises:
        UserError: where there is none.
    """
    figures: dict[str, Any] = {}
    for name, choose in choices(seed).items():
        if figures and figures[MOST_INFORMATIVE]["looks"] == 1.0:
            figures[name] = figures[MOST_INFORMATIVE]  # nobody had a view to choose
            continue
        strategy = ideal_agent(environment, choose)
        if strategy is None:
            raise UserError(f"there is no ideal observer of {environment.env_kwargs}")
        watched: Any = Watched(strategy)
        evaluation = _played(watched, environment, episodes, seed)
        right = {str(views): watched.right_after(evaluation, views) for views in COUNTED}
        figures[name] = {**evaluation.summary(), "right_after": right}
    return figures


def _played(
    strategy: Predictor, environment: AgentEnvironment, episodes: int, seed: int
) -> Evaluation:
    return evaluate(strategy, environment.bridge, episodes, seed=seed + seeds.TEST)
