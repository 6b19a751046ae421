"""The ideal observer as an agent: it answers when it is sure enough, and else looks on.

It sees the same pictures from the same poses as the agent, and knows how scenes are made and drawn.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.camera.aim import CENTRE
from envs.camera.angles import CameraAngles
from envs.camera.space import encoded
from envs.scene_vector_env import SceneVectorEnv
from envs.tasks.mental_rotation import MentalRotationTask
from envs.tasks.recognition import RecognitionTask
from experiments.agent.environment import AgentEnvironment
from experiments.agent.ideal.hypotheses import turned_and_mirrored, turned_anyhow
from experiments.agent.view_strategies import Choice, Observation, angles_of
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer import (
    AnyPosterior,
    GalleryObserver,
    IdealObserver,
    Posterior,
)
from gqn_rl.rendering import WIDEST
from gqn_rl.scenes.scene import CENTRED
from gqn_rl.scenes.shape_catalogue import MAX_ENUMERATED, shape_catalogue

SURE = 0.99
"""Probability of the likeliest answer from which it is given: another view costs 0.02, and a wrong
answer 2."""

DIGITS = 9
"""Of bits, to which aims that tell as much are equal; the first of them is taken."""


class IdealAgent(ABC):
    """Looks until it is sure of the answer. Its state is the posterior of each row.

    Args:
        environment: whose pictures it sees.
        choose: the rule by which it takes its views; None for what is expected to tell most.
    """

    def __init__(self, environment: AgentEnvironment, choose: Choice | None = None) -> None:
        self._environment, self._choose = environment, choose
        self._native: Any = environment.native.unwrapped

    @classmethod
    def knows(cls, rows: SceneVectorEnv) -> bool:
        """Whether it knows how the scenes are made."""
        return True

    @cached_property
    def num_cubes(self) -> int:
        """Of every object of the environment."""
        return self._environment.rows.num_cubes

    @abstractmethod
    def begin(self, row: int, image: NDArray[np.uint8], viewpoint: Viewpoints) -> AnyPosterior:
        """The posterior after the first view of an episode, (1, H, W, 3) from one pose."""

    @abstractmethod
    def answers(self, row: int, posterior: AnyPosterior) -> NDArray[np.float64]:
        """Probability of each answer, (K,)."""

    def predict(
        self,
        observation: Observation,
        state: list[AnyPosterior] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], list[AnyPosterior]]:
        """See `agents.evaluation.Predictor`."""
        images, poses = self._native.images, self._native.viewpoints
        starts = np.ones(len(images), bool) if episode_start is None else episode_start
        posteriors, actions = [], []
        for row in range(len(images)):
            image, pose = images[row : row + 1], poses[row : row + 1]
            if state is None or starts[row]:
                posteriors.append(self.begin(row, image, pose))
            else:
                posteriors.append(state[row].update(image, pose))
            actions.append(self._action(row, posteriors[row]))
        return np.stack(actions), posteriors

    def _action(self, row: int, posterior: AnyPosterior) -> NDArray[Any]:
        control, answers = self._environment.control, self.answers(row, posterior)
        spent = self._native.looks_taken[row] >= self._native.max_looks
        if answers.max() < SURE and not spent:
            landed = self._landings(row)
            if self._choose is None:
                told = posterior.expected_information(landed, about="shape")
                if self._native.aim != CENTRE:  # sums are rounded otherwise in another process
                    told = told.round(DIGITS)
                chosen = int(told.argmax())
            else:
                visited = CameraAngles(*self._native.path_of(row).T).directions()
                away = np.linalg.norm(landed.position, axis=1, keepdims=True)
                chosen = self._choose(landed.position / away, visited, visited[0])
            return np.asarray(control.encode_turn(control.turns[[chosen]])[0])
        return np.asarray(control.encode_answer([answers.argmax()])[0])

    def _landings(self, row: int) -> Viewpoints:
        """Where each of the control's turns would leave a row's camera."""
        turns = self._environment.control.turns
        if self._native.aim != CENTRE:
            return self._environment.rows.landings(row, turns)
        # From the pose as agents observe it, in float32: between moves that tell as much, rounding
        # decides, and figures in the documentation are of these.
        pose = encoded(self._native.viewpoints[[row]])
        return angles_of(np.repeat(pose, len(turns), axis=0)).turned(turns).viewpoints()


class IdealRecognition(IdealAgent):
    """Knows the gallery; in grid orientation also objects that stand anywhere, and cameras that see
    a part."""

    @classmethod
    def knows(cls, rows: SceneVectorEnv) -> bool:
        """See `IdealAgent.knows`."""
        task = rows.task
        if not isinstance(task, RecognitionTask):
            return False
        if rows.num_cubes > MAX_ENUMERATED and task.orientation != "grid":
            return False
        where = task.orientation, rows.position, rows.field_of_view
        return GalleryObserver.knows(*where, rows.pixel_noise)

    @cached_property
    def _observer(self) -> GalleryObserver:
        rows = self._environment.rows
        task: Any = rows.task
        where = task.orientation, rows.position, rows.field_of_view
        return GalleryObserver(task.answer_shapes, *where, rows.pixel_noise)

    def begin(self, row: int, image: NDArray[np.uint8], viewpoint: Viewpoints) -> AnyPosterior:
        """See `IdealAgent.begin`."""
        return self._observer.observe(image, viewpoint)

    def answers(self, row: int, posterior: AnyPosterior) -> NDArray[np.float64]:
        """See `IdealAgent.answers`."""
        return self._observer.answers(posterior)


class IdealMentalRotation(IdealAgent):
    """Knows the reference from its views, and by which angles objects are turned in depth.

    It makes no use of colours that the two objects share.
    """

    @classmethod
    def knows(cls, rows: SceneVectorEnv) -> bool:
        """See `IdealAgent.knows`: it turns grids about the vertical axis through the origin."""
        task = rows.task
        turns = isinstance(task, MentalRotationTask) and task.rotation == "depth"
        turns = turns and not rows.pixel_noise
        return turns and rows.num_cubes <= MAX_ENUMERATED and _sees_all_in_the_middle(rows)

    @cached_property
    def _observer(self) -> IdealObserver:
        prior = np.zeros(shape_catalogue(self.num_cubes).num_shapes)
        prior[self._native.task.shapes] = 1.0
        return IdealObserver(self.num_cubes, "free", prior)

    @cached_property
    def _references(self) -> dict[int, int]:
        """Row to the likeliest shape of its reference."""
        return {}

    def begin(self, row: int, image: NDArray[np.uint8], viewpoint: Viewpoints) -> AnyPosterior:
        """See `IdealAgent.begin`."""
        task, trial = self._native.task, self._native.trials[np.array([row])]
        poses = task.reference_views(trial)
        images = self._native.renderer.render(trial.reference.repeat(len(poses)), poses)
        seen = self._observer.observe(images, poses)
        self._references[row] = int(seen.shapes().argmax())
        if task.angles is None:
            hypotheses = turned_anyhow(seen, image[0], viewpoint)
        else:
            hypotheses = turned_and_mirrored(seen, task.angles)
        return Posterior.of(hypotheses, image.shape[1]).update(image, viewpoint)

    def answers(self, row: int, posterior: AnyPosterior) -> NDArray[np.float64]:
        """See `IdealAgent.answers`."""
        assert isinstance(posterior, Posterior)
        return posterior.handedness(self._references[row])


def _sees_all_in_the_middle(rows: SceneVectorEnv) -> bool:
    """Whether objects are where cameras look, and cameras see all of them."""
    return rows.position == CENTRED and rows.field_of_view == WIDEST
