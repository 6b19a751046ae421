"""Participants of the benchmark: who answers, and how pairs become what each is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from agents.evaluation import evaluate
from agents.saving.bundle import Agent
from experiments.agent.trained import environment_of
from experiments.rotation.answers import Answers, answers_about
from experiments.rotation.ideal import KnownShapes
from experiments.rotation.inference import Comparison, Explained, explanations
from experiments.rotation.line_of_thought import line_of_thought, thought
from experiments.rotation.names import IDEAL, INFERENCE, SIAMESE
from experiments.rotation.plane import SHRUNK, PlaneComparison
from experiments.rotation.protocol import ELEVATION, PICTURE_ELEVATION, RotationPairs
from experiments.rotation.siamese import DrawPairs, says_mirrored, train_siamese
from experiments.rotation.uniform import FILLED, LOOK, coloured_cubes, shaded
from experiments.trials.answering import AnswersInTheEnd
from experiments.trials.log import TrialLog
from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN
from gqn_rl.inference.line_of_thought import Thought
from gqn_rl.rendering import Renderer
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.shape_pool import ShapePool

ENV_ID = "GQNShepardMentalRotation-v0"


def ideal_answers(
    pairs: RotationPairs, seen: Sequence[NDArray[np.uint8]], shapes: ShapePool
) -> Answers:
    """The ideal observer's; where both answers are alike likely it says the same.

    In the picture plane it knows what the first picture may show, and turns the likeliest of that.
    """
    begin, observer = process_time(), KnownShapes(shapes)
    plane = None if pairs.axis == "vertical" else _plane(seen[0].shape[1])
    said = np.zeros(len(pairs), dtype=bool)
    with tqdm(range(len(pairs)), IDEAL, dynamic_ncols=True, disable=None) as rows:
        for row in rows:
            first, second, pose = seen[0][row], seen[1][row], pairs.poses[row : row + 1]
            if plane is None:
                both = (observer.shapes(image, pose) for image in (first, second))
                said[row] = observer.mirrored(*both) > 0.5
            else:
                said[row] = plane.fit(observer.scenes(first, pose), second, pose).is_mirrored
    return answers_about(IDEAL, pairs, shapes, said, process_time() - begin, {})


def inferred_answers(
    model: CanonicalGQN,
    pairs: RotationPairs,
    seen: Sequence[NDArray[np.uint8]],
    shapes: ShapePool,
    is_uniform: bool = False,
) -> Answers:
    """The answers of the GQN's inference, and in how many pairs it was at a loss.

    In depth both pictures are explained and what is found is compared. In the picture plane the
    second stands as no grid does, and what is found in the first is turned until it fits.

    Args:
        is_uniform: whether cubes are white with black edges. Faces then tell the cubes apart, and
            colours count no more when explanations are compared.
    """
    begin = process_time()
    explained: list[tuple[NDArray[np.uint8], NDArray[np.bool_] | None]]
    explained = [(side, None) for side in (seen if pairs.axis == "vertical" else seen[:1])]
    if is_uniform:
        explained = [coloured_cubes(side, pairs.poses) for side, _ in explained]
    total = len(explained) * len(pairs)
    with tqdm(total=total, desc=INFERENCE, dynamic_ncols=True, disable=None) as bar:
        found = [
            explanations(model, images, pairs.poses, bar.update, clear)
            for images, clear in explained
        ]
    thoughts: list[Thought] = []
    if is_uniform:
        found = [[[one.white() for one in each] for each in side] for side in found]
    if pairs.axis == "vertical":
        said, undecided = _compared(found[0], found[1], pairs, model.image_size)
        thoughts = [thought(*both) for both in zip(found[0], found[1], strict=True)]
    else:
        said, undecided = _turned(found[0], seen[1], pairs, is_uniform)
    notes: dict[str, Any] = {"undecided": float(undecided.mean())}
    if not thoughts:
        return answers_about(INFERENCE, pairs, shapes, said, process_time() - begin, notes)
    steps = np.array([each.steps for each in thoughts])
    notes["line_of_thought"] = line_of_thought(pairs, thoughts)
    return answers_about(INFERENCE, pairs, shapes, said, process_time() - begin, notes, steps)


def _compared(
    first: list[list[Explained]], second: list[list[Explained]], pairs: RotationPairs, size: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where two explanations are of mirror images, and where nothing said so."""
    comparison = Comparison(RaycastRenderer(size))
    found = [
        comparison.mirrored(first[row], second[row], pairs.poses[row : row + 1])
        for row in range(len(pairs))
    ]
    said, margin = (np.array(column) for column in zip(*found, strict=True))
    return said, margin == 0


def _turned(
    found: list[list[Explained]], seen: NDArray[np.uint8], pairs: RotationPairs, is_uniform: bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the second picture fits the mirror image of what is best found in the first, and where
    it fits both alike."""
    plane = _plane(seen.shape[1], is_uniform)
    fits = [
        plane.fit(found[row][0].scene(), seen[row], pairs.poses[row : row + 1])
        for row in range(len(pairs))
    ]
    said = np.array([fit.is_mirrored for fit in fits])
    return said, np.array([fit.error[0] == fit.error[1] for fit in fits])


def _plane(size: int, is_uniform: bool = False) -> PlaneComparison:
    if is_uniform:
        small = RaycastRenderer(size // SHRUNK, appearance=FILLED)
        return PlaneComparison(RaycastRenderer(size, appearance=LOOK), small, shaded)
    return PlaneComparison(RaycastRenderer(size), RaycastRenderer(size // SHRUNK))


def baseline_answers(
    learned_from: tuple[DrawPairs, int, list[int]],
    renderer: Renderer,
    pairs: RotationPairs,
    seen: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    shapes: ShapePool,
) -> Answers:
    """The answers of a Siamese ResNet-18 that is trained first.

    Args:
        learned_from: what draws pairs of the train split, how many, and a seed.
        renderer: of the pictures.
    """
    begin, (draw, count, seed) = process_time(), learned_from
    trained = train_siamese(draw, renderer, count, seed)
    notes = {"trained_on_pairs": count, "train_accuracy": trained.train_accuracy}
    said = says_mirrored(trained.network, seen)
    return answers_about(SIAMESE, pairs, shapes, said, process_time() - begin, notes)


@dataclass(frozen=True)
class AgentTrials:
    """What is asked of an agent.

    Attributes:
        stimuli, num_cubes, rotation: of the benchmark.
        episodes: for each number of glimpses.
        glimpses: of either object.
        seed: of the first episode.
    """

    stimuli: str
    num_cubes: int | None
    rotation: str
    episodes: int
    glimpses: tuple[int, ...]
    seed: int


def agent_answers(asked: AgentTrials, agent: Agent) -> dict[str, Answers]:
    """Those of the agent in its environment, with the same shapes in any orientation."""
    elevation = PICTURE_ELEVATION if asked.rotation == "picture" else ELEVATION
    found = {}
    for glimpses in asked.glimpses:
        begin = process_time()
        options = {
            "shapes": asked.stimuli, "num_cubes": asked.num_cubes, "rotation": asked.rotation,
            "camera": "fixed", "elevation": elevation, "angles": "random", "glimpses": glimpses,
        }  # fmt: skip
        environment = environment_of(agent, 32, options, ENV_ID)
        log = TrialLog(AnswersInTheEnd(agent, environment), environment)
        evaluation = evaluate(log, environment.bridge, asked.episodes, seed=asked.seed)
        name = f"agent, {glimpses} glimpse{'s' if glimpses > 1 else ''}"
        trials = log.trials(evaluation, name)
        found[name] = Answers(evaluation, trials, process_time() - begin, {})
        environment.close()
    return found
