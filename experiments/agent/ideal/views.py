"""The ideal observer in view prediction: as many views as the agent, the query drawn by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.evaluation import Evaluation
from envs.rows.query_errors import root_mean_square_error
from envs.scene_vector_env import LOOK_COST, SceneVectorEnv
from envs.tasks import QueryErrors
from experiments.agent.environment import AgentEnvironment
from experiments.agent.view_strategies import (
    Observation,
    Path,
    Positions,
    Schedule,
    ViewStrategy,
    nearest_choice,
)
from gqn_rl.geometry.viewpoint import look_at_origin
from gqn_rl.inference.ideal_observer import IdealObserver, Posterior


class IdealViews(ViewStrategy):
    """Takes the views that tell most about the query view, then predicts it itself.

    Args:
        environment: of view prediction.
        looks: how many views to take in each episode, the first included.
    """

    def __init__(self, environment: AgentEnvironment, looks: Schedule) -> None:
        clearance = environment.task.clearance
        super().__init__(nearest_choice, environment.control, clearance, looks)
        self._native: Any = environment.native.unwrapped
        self._orientation = environment.env_kwargs.get("orientation") or "grid"
        self._posteriors: dict[int, Posterior] = {}
        self._errors: dict[tuple[int, int], float] = {}

    @cached_property
    def _observer(self) -> IdealObserver:
        rows: SceneVectorEnv = self._native
        where: Any = {"position": rows.position, "field_of_view": rows.field_of_view}
        return IdealObserver(rows.num_cubes, self._orientation, **where)

    def predict(
        self,
        observation: Observation,
        state: list[Path] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], list[Path]]:
        """See `agents.evaluation.Predictor`."""
        images, poses = self._native.images, self._native.viewpoints
        starts = np.ones(len(images), bool) if episode_start is None else episode_start
        for row in range(len(images)):
            seen = images[row : row + 1], poses[row : row + 1]
            if state is None or starts[row]:
                self._posteriors[row] = self._observer.observe(*seen)
            else:
                self._posteriors[row] = self._posteriors[row].update(*seen)
        actions, paths = super().predict(observation, state, episode_start, deterministic)
        self._note_errors(observation["cue"], paths)
        return actions, paths

    def _move(
        self, seen: Observation, row: int, landings: Positions, path: Path, query: Positions
    ) -> NDArray[Any]:
        """The action of a row; of views that tell as much, the nearest to the query."""
        azimuth, elevation = np.arctan2(landings[:, 1], landings[:, 0]), np.arcsin(landings[:, 2])
        poses, cue = look_at_origin(azimuth, elevation), seen["cue"][row : row + 1]
        told = self._posteriors[row].expected_information(poses, "view", cue)
        best = np.flatnonzero(told >= told.max() - 1e-6)
        nearest = self._choose(landings[best], path.visited, query)
        return np.asarray(self._control.encode_turn(self._control.turns[[best[nearest]]])[0])

    def _note_errors(self, cues: NDArray[np.float32], paths: Sequence[Path]) -> None:
        """How far off the predictions are that are made now."""
        truth = self._native.query_images
        for row, path in enumerate(paths):
            if len(path.visited) >= self._budget(row, path.episode):
                mean = self._posteriors[row].mean(cues[row : row + 1]).round().astype(np.uint8)
                error = root_mean_square_error(np.moveaxis(mean, 1, -1), truth[row : row + 1])
                self._errors[row, path.episode] = float(error[0])

    def regraded(self, evaluation: Evaluation) -> Evaluation:
        """The evaluation with this strategy's own errors in place of the encoder's.

        The reward still is what is gained over the encoder's picture after the first look.
        """
        task, episodes = self._native.task, []
        for row, played in evaluation.by_row().items():
            for number, episode in enumerate(played):
                error = self._errors[row, number]
                errors = QueryErrors(np.array([episode.first_error]), np.array([error]))
                outcome = task.score(self._native.trials, np.zeros(1, np.int64), errors)
                reward = float(outcome.reward[0]) - LOOK_COST * (episode.looks - 1)
                success = bool(outcome.success[0])
                episodes.append(replace(episode, success=success, reward=reward, error=error))
        return Evaluation(episodes)
