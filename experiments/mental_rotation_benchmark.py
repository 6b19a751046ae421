"""Measure who tells mirror images apart in pairs as others have published them.

One picture of each of two objects, turned in depth by any angle up to 180 degrees (the protocol is
in experiments/rotation/protocol.py): the ideal observer that knows the shapes; the GQN's inference,
for which nothing is trained; and the agent that ships, with one glimpse of each object and with
more, on trials of its own environment. The output folder gets metrics.json, trials.csv
(docs/cognitive.md) and angles.png; published numbers are beside ours in the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from tqdm import tqdm

from agents.evaluation import EpisodeRecord, Evaluation, evaluate
from agents.saving.bundle import Agent, load_bundle, shipped_agent
from envs.tasks.first_cameras import FirstCameras
from experiments.agent.trained import environment_of
from experiments.rotation.ideal import KnownShapes
from experiments.rotation.inference import Comparison, explanations
from experiments.rotation.protocol import ELEVATION, RotationPairs, depth_pairs, pictures
from experiments.rotation.published import PUBLISHED
from experiments.shared import seeds
from experiments.shared.command import (
    new_run_folder,
    require_at_least,
    require_more_than_zero,
    run_command,
    save_settings,
)
from experiments.shared.terminal import console
from experiments.shared.threads import ThreadsFlag, use_threads
from experiments.trials.answering import AnswersInTheEnd
from experiments.trials.figure import save_trials
from experiments.trials.log import TrialLog
from experiments.trials.table import ANSWERS, Trial, write_trials
from gqn_rl.errors import UserError
from gqn_rl.files import write_json
from gqn_rl.geometry.viewpoint import SPHERE_RADIUS
from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN
from gqn_rl.gqn.checkpoint import load_checkpoint, pretrained_path
from gqn_rl.rendering import make_renderer
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.shape_pool import ShapePool
from gqn_rl.scenes.shape_source import num_cubes_of, shape_source
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject

ENV_ID = "GQNShepardMentalRotation-v0"
IDEAL, INFERENCE = "ideal observer", "GQN's inference"


@dataclass(frozen=True)
class RotationBenchmarkSettings(ThreadsFlag):
    """Flags of `python -m experiments.mental_rotation_benchmark`."""

    stimuli: str = "test"
    """The shapes: a file of objects, one a line such as uuuubbuur, or test, validation or train."""
    num_cubes: int | None = None
    """Cubes per object; by default 7, or those of a file's objects."""
    pairs: int = 2048
    """Pairs of pictures."""
    weights: str = "base"
    """Weights of the GQN: of the canonical family, a name that ships or the path of a file."""
    agent: Path | None = None
    """Run folder or agent file; by default the agent that ships for mental rotation."""
    agent_episodes: int = 500
    """Trials of the agent for each number of glimpses; 0 leaves it out."""
    agent_glimpses: tuple[int, ...] = (1, 3)
    """Glimpses of either object that it may take, 1 to 4."""
    ideal_observer: bool = True
    """Whether to measure the ideal observer; --no-ideal-observer leaves it out."""
    renderer: str = "pybullet"
    """pybullet or raycast; they draw the same pictures."""
    seed: int = 0
    """Seed of everything random."""
    output: Path | None = None
    """Output folder; by default runs/mental_rotation_benchmark-<time>."""


@dataclass(frozen=True)
class Answers:
    """What one participant said.

    Attributes:
        evaluation: right and wrong, by angle.
        trials: the same for the table.
        seconds: of processor time, all trials together.
        notes: what else metrics.json is to say.
    """

    evaluation: Evaluation
    trials: list[Trial]
    seconds: float
    notes: dict[str, Any]

    def summary(self) -> dict[str, Any]:
        """The numbers of metrics.json."""
        return {
            **self.evaluation.summary(),
            "processor_seconds": round(self.seconds, 1),
            "by_angle": self.evaluation.by_angle(),
            **self.notes,
        }


def main(settings: RotationBenchmarkSettings) -> None:
    """Draw the pairs, let everybody answer, write the table and the figure."""
    require_more_than_zero(settings, ("pairs",))
    require_at_least(settings, {"agent_episodes": 0})
    for glimpses in settings.agent_glimpses:
        FirstCameras(glimpses=glimpses)  # refuses other numbers before a folder is made
    agent = (
        load_bundle(settings.agent or shipped_agent(ENV_ID)) if settings.agent_episodes else None
    )
    use_threads(settings.threads)
    pool = shape_source(num_cubes_of(settings.num_cubes, settings.stimuli), settings.stimuli)
    shapes = pool.pool().chiral()
    model, sidecar = load_checkpoint(pretrained_path(settings.weights))
    if not isinstance(model, CanonicalGQN):
        raise UserError(f"weights {settings.weights!r} infer no cells, expected such as 'base'")
    renderer = make_renderer(settings.renderer, model.image_size)
    renderer.identity.require_same_pictures(sidecar["renderer"], settings.weights)
    folder = new_run_folder(settings.output, "mental_rotation_benchmark")
    save_settings(folder, settings)

    rng = np.random.default_rng([settings.seed, seeds.BENCHMARK_STREAM])
    pairs = depth_pairs(rng, settings.pairs, shapes)
    seen = pictures(renderer, pairs)
    answers = {}
    if settings.ideal_observer:
        answers[IDEAL] = ideal_answers(pairs, seen, shapes)
    answers[INFERENCE] = inferred_answers(model, pairs, seen, shapes)
    if agent is not None:
        answers |= agent_answers(settings, agent)
    report(folder, settings, answers, {"cut_pictures": cut_share(seen), "shapes": len(shapes)})
    renderer.close()


def ideal_answers(
    pairs: RotationPairs, seen: Sequence[NDArray[np.uint8]], shapes: ShapePool
) -> Answers:
    """The ideal observer's; where both answers are alike likely it says the same."""
    begin, observer = process_time(), KnownShapes(shapes)
    said = np.zeros(len(pairs), dtype=bool)
    with tqdm(range(len(pairs)), IDEAL, dynamic_ncols=True, disable=None) as rows:
        for row in rows:
            pose = pairs.poses[row : row + 1]
            said[row] = (
                observer.mirrored(*(observer.shapes(side[row], pose) for side in seen)) > 0.5
            )
    return _answers(IDEAL, pairs, shapes, said, process_time() - begin, {})


def inferred_answers(
    model: CanonicalGQN,
    pairs: RotationPairs,
    seen: Sequence[NDArray[np.uint8]],
    shapes: ShapePool,
) -> Answers:
    """The answers of the GQN's inference, and in how many pairs it was at a loss."""
    begin = process_time()
    with tqdm(total=2 * len(pairs), desc=INFERENCE, dynamic_ncols=True, disable=None) as bar:
        first, second = (explanations(model, side, pairs.poses, bar.update) for side in seen)
    comparison = Comparison(RaycastRenderer(model.image_size))
    found = [
        comparison.mirrored(first[row], second[row], pairs.poses[row : row + 1])
        for row in range(len(pairs))
    ]
    said, margin = (np.array(column) for column in zip(*found, strict=True))
    notes = {"undecided": float((margin == 0).mean())}
    return _answers(INFERENCE, pairs, shapes, said, process_time() - begin, notes)


def agent_answers(settings: RotationBenchmarkSettings, agent: Agent) -> dict[str, Answers]:
    """Those of the agent in its environment, with the same shapes in any orientation."""
    found = {}
    for glimpses in settings.agent_glimpses:
        begin = process_time()
        options = {
            "shapes": settings.stimuli, "num_cubes": settings.num_cubes, "camera": "fixed",
            "elevation": ELEVATION, "angles": "random", "glimpses": glimpses,
        }  # fmt: skip
        environment = environment_of(agent, 32, options, ENV_ID)
        log = TrialLog(AnswersInTheEnd(agent, environment), environment)
        seed = settings.seed + seeds.TEST
        evaluation = evaluate(log, environment.bridge, settings.agent_episodes, seed=seed)
        name = f"agent, {glimpses} glimpse{'s' if glimpses > 1 else ''}"
        trials = log.trials(evaluation, name)
        found[name] = Answers(evaluation, trials, process_time() - begin, {})
        environment.close()
    return found


def cut_share(seen: Sequence[NDArray[np.uint8]]) -> float:
    """The share of pictures in which the object reaches the border, and may be cut off."""
    cut = []
    for side in seen:
        lit = side.max(axis=-1) > 0
        cut.append(lit[:, [0, -1]].any(axis=(1, 2)) | lit[:, :, [0, -1]].any(axis=(1, 2)))
    return float(np.mean(cut))


def report(
    folder: Path,
    settings: RotationBenchmarkSettings,
    answers: dict[str, Answers],
    facts: dict[str, Any],
) -> None:
    """Write metrics.json, trials.csv and angles.png, and print the table."""
    trials = [trial for each in answers.values() for trial in each.trials]
    write_trials(folder / "trials.csv", trials)
    save_trials(folder / "angles.png", trials)
    write_json(
        folder / "metrics.json",
        {
            "stimuli": settings.stimuli, "pairs": settings.pairs, "weights": settings.weights,
            "seed": settings.seed, **facts,
            "participants": {name: each.summary() for name, each in answers.items()},
            "published": PUBLISHED,
        },
    )  # fmt: skip
    title = f"turned in depth, {settings.pairs} pairs of {facts['shapes']} shapes, chance 0.5"
    table = Table("who", "accuracy (95 % interval)", "trials", title=title)
    for name, each in answers.items():
        numbers = each.evaluation.summary()
        low, high = numbers["accuracy_95"]
        share = f"{numbers['accuracy']:.3f} ({low:.3f} to {high:.3f})"
        table.add_row(name, share, str(numbers["episodes"]))
    for name, share in PUBLISHED.items():
        table.add_row(f"published: {name}", share, "")
    console().print(table)
    print(folder)


def _answers(
    name: str,
    pairs: RotationPairs,
    shapes: ShapePool,
    said: NDArray[np.bool_],
    seconds: float,
    notes: dict[str, Any],
) -> Answers:
    right = said == pairs.mirrored
    records = [
        EpisodeRecord(
            success=bool(right[row]), reward=2.0 * bool(right[row]) - 1.0, looks=1,
            target=int(pairs.mirrored[row]), answer=int(said[row]), row=row,
            angle=float(pairs.angle[row]),
        )
        for row in range(len(pairs))
    ]  # fmt: skip
    letters = [ShepardMetzlerObject(cubes).directions() for cubes in shapes.cubes]
    elevation = np.degrees(np.arcsin(pairs.poses.position[:, 2] / SPHERE_RADIUS))
    trials = [
        Trial(
            participant=name, trial=row + 1, shape=letters[pairs.shape[row]],
            mirrored=bool(pairs.mirrored[row]), angle=float(pairs.angle[row]), axis="vertical",
            answer=ANSWERS[int(said[row])], glimpses=1, seconds=None,
            camera_path=((0.0, float(elevation[row])),),
        )
        for row in range(len(pairs))
    ]  # fmt: skip
    return Answers(Evaluation(records), trials, seconds, notes)


if __name__ == "__main__":
    run_command(main, RotationBenchmarkSettings, __doc__)
