"""The ideal observer as a strategy: what an agent could know, and where it had best look.

It sees the same pictures from the same poses as the agent, and knows how scenes are made and drawn.
It answers when it is sure enough, and else takes the view that is expected to tell most. In view
prediction it takes as many views as the agent and draws the query view itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.evaluation import Evaluation
from envs.camera.angles import CameraAngles
from envs.camera.space import encoded
from envs.rows.query_errors import root_mean_square_error
from envs.scene_vector_env import LOOK_COST, SceneVectorEnv
from envs.tasks import QueryErrors
from envs.tasks.mental_rotation import MentalRotationTask
from envs.tasks.recognition import RecognitionTask
from envs.tasks.view_prediction import ViewPredictionTask
from experiments.agent.environment import AgentEnvironment
from experiments.agent.view_strategies import (
    Choice,
    Observation,
    Path,
    Positions,
    Schedule,
    ViewStrategy,
    angles_of,
    nearest_choice,
)
from gqn_rl.geometry.rotations import MIRROR, VERTICAL_TURNS
from gqn_rl.geometry.viewpoint import Viewpoints, look_at_origin
from gqn_rl.inference.ideal_observer import (
    AnyPosterior,
    Candidates,
    GalleryObserver,
    IdealObserver,
    Posterior,
)
from gqn_rl.inference.ideal_observer.ray_casting import SilhouetteTable
from gqn_rl.inference.ideal_observer.search.yaw_search import search_yaw
from gqn_rl.rendering import WIDEST, Appearance
from gqn_rl.scenes.scene import CENTRED
from gqn_rl.scenes.shape_catalogue import MAX_ENUMERATED, shape_catalogue

SURE = 0.99
"""Probability of the likeliest answer from which it is given: another view costs 0.02, and a wrong
answer 2."""
REFERENCES = 8
"""Most candidates for the reference of mental rotation that are kept, the likeliest."""


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
            actions.append(self._action(row, posteriors[row], encoded(pose)))
        return np.stack(actions), posteriors

    def _action(self, row: int, posterior: AnyPosterior, pose: NDArray[np.float32]) -> NDArray[Any]:
        control, answers = self._environment.control, self.answers(row, posterior)
        spent = self._native.looks_taken[row] >= self._native.max_looks
        if answers.max() < SURE and not spent:
            landed = angles_of(np.repeat(pose, len(control.turns), axis=0)).turned(control.turns)
            if self._choose is None:
                told = posterior.expected_information(landed.viewpoints(), about="shape")
                chosen = int(told.argmax())
            else:
                visited = CameraAngles(*self._native.path_of(row).T).directions()
                chosen = self._choose(landed.directions(), visited, visited[0])
            return np.asarray(control.encode_turn(control.turns[[chosen]])[0])
        return np.asarray(control.encode_answer([answers.argmax()])[0])


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


def turned_and_mirrored(reference: Posterior, angles: NDArray[np.float64]) -> Candidates:
    """What is shown beside a reference: it or its mirror image, turned by one of the angles.

    Args:
        angles: (A,), degrees.
    """
    both = both_hands(reference)
    return joined([both.turned(both.yaw + turn, both.log_prior) for turn in np.deg2rad(angles)])


def turned_anyhow(
    reference: Posterior, image: NDArray[np.uint8], viewpoint: Viewpoints
) -> Candidates:
    """The same, turned by any angle at which it explains an image (H, W, 3) from one pose."""
    both = both_hands(reference)
    turned = [
        replace(both, cubes=both.cubes @ turn.T, yaw=np.zeros(len(both)))
        for turn in VERTICAL_TURNS.astype(np.float64)
    ]
    candidates = joined(turned)
    return search_yaw(candidates, SilhouetteTable(candidates.cubes), image, viewpoint)


def both_hands(reference: Posterior) -> Candidates:
    """What the reference may be, the likeliest, and the mirror images in x = 0 of all of that."""
    likeliest = np.argsort(-reference.probability)[:REFERENCES]
    one = reference.candidates[likeliest]
    one = one.turned(one.yaw, np.log(reference.probability[likeliest]))
    mirrored = shape_catalogue(one.cubes.shape[1]).mirror[one.shape]
    return joined([one, Candidates(one.cubes * MIRROR, -one.yaw, one.log_prior, mirrored)])


def joined(parts: Sequence[Candidates]) -> Candidates:
    """The candidates of all parts, one after the other."""
    return Candidates(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in vars(parts[0]))
    )


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


IDEAL_AGENTS: dict[type, type[IdealAgent]] = {
    RecognitionTask: IdealRecognition,
    MentalRotationTask: IdealMentalRotation,
}
"""Tasks of which the ideal observer knows how their scenes are made and what is right."""
IDEAL_VIEWS = (ViewPredictionTask,)
"""Tasks in which it predicts views."""


def ideal_agent(environment: AgentEnvironment, choose: Choice | None = None) -> IdealAgent | None:
    """The ideal observer as an agent; None for tasks, sizes and looks of which it knows nothing.

    Args:
        choose: see `IdealAgent`.
    """
    kind = IDEAL_AGENTS.get(type(environment.task))
    if kind is None or not kind.knows(environment.rows) or not _is_usual(environment):
        return None
    return kind(environment, choose)


def ideal_views(environment: AgentEnvironment, looks: Schedule) -> IdealViews | None:
    """The ideal observer as a view strategy; None where `ideal_agent` would be none."""
    rows = environment.rows
    known = type(environment.task) in IDEAL_VIEWS and rows.num_cubes <= MAX_ENUMERATED
    known = known and not rows.pixel_noise
    orientation = environment.env_kwargs.get("orientation") or "grid"
    known = known and GalleryObserver.knows(orientation, rows.position, rows.field_of_view)
    return IdealViews(environment, looks) if known and _is_usual(environment) else None


def _is_usual(environment: AgentEnvironment) -> bool:
    """Whether objects look as they usually do."""
    return Appearance.of(environment.env_kwargs.get("appearance")) == Appearance()


def _sees_all_in_the_middle(rows: SceneVectorEnv) -> bool:
    """Whether objects are where cameras look, and cameras see all of them."""
    return rows.position == CENTRED and rows.field_of_view == WIDEST
