"""Shepard and Metzler's test: are two pictures of the same object, or is one its mirror image?

The trials are those of the environment `GQNShepardMentalRotation-v0`, seen as people saw them in
1971: two still pictures side by side, each from the same camera.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agents.evaluation import wilson_interval
from agents.saving.bundle import TRAINED
from envs.tasks.mental_rotation import AXES, MentalRotationTask
from envs.tasks.trials import Trials
from experiments.explorer.scenes import Image, Studio
from experiments.trials.log import letters_of
from experiments.trials.pairs import TRIES, all_shown
from experiments.trials.table import ANSWERS, Trial
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.geometry.viewpoint import look_at_origin
from gqn_rl.rendering.appearance import DARK, LIGHT
from gqn_rl.scenes.scene import SceneBatch

ENV_ID = "GQNShepardMentalRotation-v0"
CAMERA_DEGREES = (45.0, 20.0)
AZIMUTH, ELEVATION = np.deg2rad(CAMERA_DEGREES)[:, None]
CAMERA = look_at_origin(AZIMUTH, ELEVATION, radius=7.5)
"""A little from above, so that all three directions of the grid can be told apart, and nearer than
the cameras of the environments."""
PICTURE_SIZE = 288
SURFACES = ("grey", "coloured")
"""grey: as in 1971 nothing but form; cubes are light and dark in turn, where the drawings had
lines. coloured: a cube has its colour in both pictures, as for the agent."""
LONGEST = 600.0
"""Seconds; a longer time is not one of thinking."""


@dataclass(frozen=True)
class Pair:
    """One question.

    Attributes:
        left, right: pictures uint8 (H, W, 3).
        angle: degrees from the one to the other.
        mirrored: the right answer.
        shape: letters of the left object.
    """

    left: Image
    right: Image
    angle: float
    mirrored: bool
    shape: str


class Answer(NamedTuple):
    """Attributes: degrees; what was so and what was said; seconds from picture to answer; letters
    of the left object."""

    angle: float
    mirrored: bool
    said_mirrored: bool
    seconds: float
    shape: str

    @property
    def is_right(self) -> bool:
        return self.mirrored == self.said_mirrored


@dataclass(frozen=True)
class Test:
    """One person's test so far; a value.

    Attributes:
        seed: of the questions.
        surface: one of `SURFACES`.
        asked: how many questions so far.
        pair: the question that waits for an answer; None between two of them.
        answers: in order.
    """

    __test__ = False  # not for pytest

    seed: int
    surface: str = SURFACES[0]
    asked: int = 0
    pair: Pair | None = None
    answers: tuple[Answer, ...] = ()

    def ask(self, studio: Studio) -> Test:
        """With the next question; a question that waits is asked on."""
        if self.pair is not None:
            return self
        rng = np.random.default_rng([self.seed, self.asked])
        pair = sample_pair(rng, studio, self.surface)
        return replace(self, asked=self.asked + 1, pair=pair)

    def on_surface(self, surface: str) -> Test:
        """With other cubes from the next question on."""
        return replace(self, surface=surface)

    def answer(self, said_mirrored: bool, seconds: Any) -> Test:
        """With an answer to the question that waits.

        Args:
            seconds: from the pictures to the answer, as the browser measured it.

        Raises:
            UserError: when no question waits, or for what is no time.
        """
        if self.pair is None:
            raise UserError("there is no pair to answer, press 'Next pair' first")
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not is_number or not 0 < seconds <= LONGEST:
            raise UserError(f"{seconds!r} seconds received, expected more than 0 to {LONGEST:.0f}")
        pair = self.pair
        given = Answer(pair.angle, pair.mirrored, said_mirrored, float(seconds), pair.shape)
        return replace(self, pair=None, answers=(*self.answers, given))

    def trials(self, participant: str) -> list[Trial]:
        """The answers as rows of a table.

        Args:
            participant: the person's code.
        """
        return [
            Trial(
                participant=participant,
                trial=number,
                shape=answer.shape,
                mirrored=answer.mirrored,
                angle=answer.angle,
                axis=AXES["depth"],
                answer=ANSWERS[answer.said_mirrored],
                glimpses=1,
                seconds=answer.seconds,
                camera_path=(CAMERA_DEGREES,),
            )
            for number, answer in enumerate(self.answers, start=1)
        ]


class AngleScore(NamedTuple):
    """Attributes: degrees, answers, share that is right with its 95 % interval, mean seconds of
    the right ones (None where there is none)."""

    angle: float
    answers: int
    accuracy: float
    low: float
    high: float
    seconds: float | None


def scores_by_angle(answers: Sequence[Answer]) -> list[AngleScore]:
    """One score for each angle that has been answered, by growing angle."""
    scores = []
    for angle in sorted({answer.angle for answer in answers}):
        mine = [answer for answer in answers if answer.angle == angle]
        right = [answer for answer in mine if answer.is_right]
        low, high = wilson_interval(len(right), len(mine))
        seconds = float(np.mean([answer.seconds for answer in right])) if right else None
        scores.append(AngleScore(angle, len(mine), len(right) / len(mine), low, high, seconds))
    return scores


def sample_pair(rng: np.random.Generator, studio: Studio, surface: str) -> Pair:
    """A trial of the environment that two pictures can show: every cube is seen in both.

    Raises:
        UserError: for an unknown surface.
    """
    if surface not in SURFACES:
        raise unknown_name("surface", surface, SURFACES)
    task = MentalRotationTask(shapes="test")
    for _ in range(TRIES):
        trials = task.sample(rng, 1)
        scenes = _both(trials, surface)
        poses = CAMERA[np.zeros(2, dtype=np.int64)]
        if all_shown(studio.cubes(scenes, poses), scenes.mask.shape[1]):
            left, right = studio.photograph(scenes, poses)
            angle = float(trials.details["angle"][0])
            assert trials.reference is not None
            return Pair(left, right, angle, bool(trials.target[0]), letters_of(trials.reference))
    raise RuntimeError(f"none of {TRIES} trials shows all cubes")


def _both(trials: Trials, surface: str) -> SceneBatch:
    assert trials.reference is not None
    scenes = SceneBatch.concatenate([trials.reference, trials.scenes])
    if surface == "coloured":
        return scenes
    shade = np.where(np.arange(scenes.mask.shape[1]) % 2, DARK, LIGHT).astype(np.float32)
    colour = np.broadcast_to(shade[None, :, None], scenes.colour.shape).copy()
    return replace(scenes, colour=colour)


class AgentAtAngle(NamedTuple):
    """Attributes: degrees, episodes, share that is right, mean looks."""

    angle: float
    episodes: int
    accuracy: float
    looks: float


def agent_by_angle(folder: Path = TRAINED) -> list[AgentAtAngle] | None:
    """How the shipped agent does at each angle, from `<env id>.metrics.json` beside it.

    The file's entry "by_angle" is a list of {"angle", "episodes", "accuracy", "looks"}.

    Returns:
        None where no agent ships for mental rotation, or none with such a file.

    Raises:
        UserError: for a file without the entry.
    """
    path = folder / f"{ENV_ID}.metrics.json"
    if not path.is_file() or not (folder / f"{ENV_ID}.safetensors").is_file():
        return None
    try:
        rows = json.loads(path.read_text())["by_angle"]
        return [AgentAtAngle(**{key: row[key] for key in AgentAtAngle._fields}) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} has no usable 'by_angle' ({error!r}), expected a list of "
            f"{list(AgentAtAngle._fields)}"
        ) from error
