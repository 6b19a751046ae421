"""Measure who tells mirror images apart in pairs as others have published them.

One picture of each of two objects, turned in depth or in the picture plane (the protocol is in
experiments/rotation/protocol.py): the ideal observer that knows the shapes; the GQN's inference,
for which nothing is trained; with --baseline a Siamese ResNet-18 that is trained on other shapes;
and the agent that ships, with one glimpse of each object and with more, on trials of its own
environment. The output folder gets metrics.json, trials.csv (docs/cognitive.md) and angles.png;
published numbers are beside ours in the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from envs.tasks.first_cameras import FirstCameras
from experiments.rotation.names import IDEAL, INFERENCE, SIAMESE
from experiments.rotation.protocol import PAIRS, pictures
from experiments.rotation.report import cut_share, report
from experiments.rotation.uniform import LOOK
from experiments.shared import seeds
from experiments.shared.command import (
    new_run_folder,
    require_at_least,
    require_more_than_zero,
    run_command,
    save_settings,
)
from experiments.shared.threads import ThreadsFlag, use_threads
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.rendering import DEFAULT_RENDERER, Appearance, make_renderer
from gqn_rl.rendering.appearance import BACKGROUNDS
from gqn_rl.scenes.shape_pool import ShapePool
from gqn_rl.scenes.shape_source import num_cubes_of, shape_source
from gqn_rl.scenes.shepard_metzler import canonical_forms

if TYPE_CHECKING:
    from agents.saving.bundle import Agent
    from experiments.rotation.answers import Answers
    from experiments.rotation.participants import AgentTrials
    from experiments.rotation.siamese import DrawPairs
    from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN

__all__ = ["IDEAL", "INFERENCE", "RotationBenchmarkSettings", "cut_share", "main"]

LOOKS = {"coloured": Appearance(), "uniform": LOOK}


@dataclass(frozen=True)
class RotationBenchmarkSettings(ThreadsFlag):
    """Flags of `python -m experiments.mental_rotation_benchmark`."""

    stimuli: str = "test"
    """The shapes: a file of objects, one a line such as uuuubbuur, or test, validation or train."""
    num_cubes: int | None = None
    """Cubes per object; by default 7, or those of a file's objects."""
    rotation: str = "depth"
    """How the second object is turned: depth, or picture for the picture plane."""
    look: str = "coloured"
    """Of the cubes: coloured on black, or uniform: white with black edges on white. There are no
    answers of the ideal observer and of the agent to the latter: they read coloured pictures."""
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
    baseline: int = 0
    """Pairs from which a Siamese ResNet-18 learns before it answers, a minute of one core for some
    2,000; 0 leaves it out."""
    baseline_stimuli: str = "train"
    """Shapes of these pairs: train, or a file of objects with as many cubes as --stimuli."""
    renderer: str = DEFAULT_RENDERER
    """pybullet or raycast; they draw the same pictures."""
    seed: int = 0
    """Seed of everything random."""
    output: Path | None = None
    """Output folder; by default runs/mental_rotation_benchmark-<time>."""


def main(settings: RotationBenchmarkSettings) -> None:
    """Draw the pairs, let everybody answer, write the table and the figure."""
    from experiments.rotation import participants

    agent = checked_agent(settings)
    use_threads(settings.threads)
    pool = shape_source(num_cubes_of(settings.num_cubes, settings.stimuli), settings.stimuli)
    shapes = pool.pool().chiral()
    learned_from = pairs_of_the_baseline(settings, shapes)
    model = model_that_infers(settings)
    look = LOOKS[settings.look]
    renderer = make_renderer(settings.renderer, model.image_size, appearance=look)
    folder = new_run_folder(settings.output, "mental_rotation_benchmark")
    save_settings(folder, settings)

    rng = np.random.default_rng([settings.seed, seeds.BENCHMARK_STREAM])
    pairs = PAIRS[settings.rotation](rng, settings.pairs, shapes)
    seen = pictures(renderer, pairs)
    answers: dict[str, Answers] = {}
    is_coloured = look == Appearance()
    if settings.ideal_observer and is_coloured:
        answers[IDEAL] = participants.ideal_answers(pairs, seen, shapes)
    answers[INFERENCE] = participants.inferred_answers(model, pairs, seen, shapes, not is_coloured)
    if learned_from is not None:
        answers[SIAMESE] = participants.baseline_answers(
            learned_from, renderer, pairs, seen, shapes
        )
    if agent is not None:
        answers |= participants.agent_answers(asked_of_the_agent(settings), agent)
    facts = {
        "stimuli": settings.stimuli, "rotation": settings.rotation, "look": settings.look,
        "pairs": settings.pairs, "weights": settings.weights, "seed": settings.seed,
        "cut_pictures": cut_share(seen, BACKGROUNDS[look.background]), "shapes": len(shapes),
    }  # fmt: skip
    report(folder, facts, answers)
    renderer.close()


def model_that_infers(settings: RotationBenchmarkSettings) -> CanonicalGQN:
    """The weights whose inference answers.

    Raises:
        UserError: for weights of a family without cells, or that learned from other pictures.
    """
    from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN
    from gqn_rl.gqn.checkpoint import load_checkpoint, pretrained_path

    model, sidecar = load_checkpoint(pretrained_path(settings.weights))
    if not isinstance(model, CanonicalGQN):
        raise UserError(f"weights {settings.weights!r} infer no cells, expected such as 'base'")
    known = make_renderer(settings.renderer, model.image_size)
    known.identity.require_same_pictures(sidecar["renderer"], settings.weights)
    known.close()
    return model


def checked_agent(settings: RotationBenchmarkSettings) -> Agent | None:
    """The agent that takes part, if one does; refuses settings before a folder is made."""
    from agents.saving.bundle import load_bundle, shipped_agent
    from experiments.rotation.participants import ENV_ID

    require_more_than_zero(settings, ("pairs",))
    require_at_least(settings, {"agent_episodes": 0, "baseline": 0})
    if settings.rotation not in PAIRS:
        raise unknown_name("rotation", settings.rotation, PAIRS)
    if settings.look not in LOOKS:
        raise unknown_name("look", settings.look, LOOKS)
    for glimpses in settings.agent_glimpses:
        FirstCameras(glimpses=glimpses)
    if not settings.agent_episodes or LOOKS[settings.look] != Appearance():
        return None
    return load_bundle(settings.agent or shipped_agent(ENV_ID))


def pairs_of_the_baseline(
    settings: RotationBenchmarkSettings, shapes: ShapePool
) -> tuple[DrawPairs, int, list[int]] | None:
    """What the baseline learns from; None where it is left out.

    Raises:
        UserError: for shapes of another size, or that are among those of the benchmark.
    """
    if not settings.baseline:
        return None
    num_cubes = num_cubes_of(shapes.cubes.shape[1], settings.baseline_stimuli)
    train = shape_source(num_cubes, settings.baseline_stimuli).pool().chiral()
    both = canonical_forms(np.concatenate([train.cubes, shapes.cubes]))
    known = {form.tobytes() for form in both[: len(train)]}
    shared = sum(form.tobytes() in known for form in both[len(train) :])
    if shared:
        raise UserError(
            f"{shared} of the shapes of {settings.baseline_stimuli!r} are among those of "
            f"{settings.stimuli!r}, expected none: the baseline is measured on new shapes"
        )
    draw = PAIRS[settings.rotation]
    seed = [settings.seed, seeds.BASELINE_STREAM]
    return (lambda rng, n: draw(rng, n, train)), settings.baseline, seed


def asked_of_the_agent(settings: RotationBenchmarkSettings) -> AgentTrials:
    """The agent's trials."""
    from experiments.rotation.participants import AgentTrials

    return AgentTrials(
        stimuli=settings.stimuli,
        num_cubes=settings.num_cubes,
        rotation=settings.rotation,
        episodes=settings.agent_episodes,
        glimpses=settings.agent_glimpses,
        seed=settings.seed + seeds.TEST,
    )


if __name__ == "__main__":
    run_command(main, RotationBenchmarkSettings, __doc__)
