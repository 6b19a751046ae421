"""Write pairs of pictures for experiments with people on mental rotation.

The output folder gets pictures/ (PNG), conditions.csv for PsychoPy (left_im, right_im, corrAns,
angle and more), and jspsych.json, timeline variables for jsPsych. Both pictures of a pair are taken
from one camera. Every angle occurs equally often with the same object and with its mirror image,
and shapes take turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from envs.tasks.mental_rotation import MentalRotationTask
from experiments.agent.flags import RotationFlags, parse_angles
from experiments.shared.appearance import AppearanceFlags
from experiments.shared.command import (
    make_folder,
    new_run_folder,
    require_more_than_zero,
    run_command,
    save_settings,
)
from experiments.shared.parallel import available_cores, check_workers
from experiments.trials.conditions import Condition, checked_keys, write_conditions
from experiments.trials.pairs import Pairs, balanced_plan, photographed, whole_view_distance
from gqn_rl.errors import UserError
from gqn_rl.rendering import DEFAULT_RENDERER, Renderer, make_renderer
from gqn_rl.scenes.shape_pool import ShapePool
from gqn_rl.scenes.shape_source import num_cubes_of, shape_source
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject

PICTURES = "pictures"
PORTION = 64
"""Pairs drawn at once."""
LARGEST = 2048
"""Pixels; a portion of larger pictures would take gigabytes."""
USUAL_RANGE = (10.0, 45.0)
"""Degrees above the object, where neither its top alone nor its side alone is seen."""


@dataclass(frozen=True)
class MakeStimuliSettings(AppearanceFlags, RotationFlags):
    """Flags of `python -m experiments.make_stimuli`."""

    pairs: int = 200
    """How many pairs."""
    shapes: str = "test"
    """train, validation, test, or a file of objects, one a line such as uuuubbuur."""
    num_cubes: int | None = None
    """Cubes per object; by default 7, or those of a file's objects."""
    colours: str = "shared"
    """shared: a cube has its colour in both pictures; independent: colours say nothing. See also
    --appearance colours=uniform."""
    elevation: tuple[float, float] | None = USUAL_RANGE
    """Lowest and highest elevation of the camera in degrees, below 0 from below."""
    distance: float | None = None
    """Of the camera from the objects in cube edges; by default the least from which all of them
    are seen whole, however they stand."""
    hidden_cubes: bool = True
    """Whether cubes may hide; --no-hidden-cubes leaves out pairs of which a picture hides one."""
    keys: tuple[str, ...] = ("f", "j")
    """Keys for "same" and "mirrored", as corrAns names them."""
    renderer: str = DEFAULT_RENDERER
    """pybullet or raycast; they draw the same pictures."""
    image_size: int = 256
    """Height and width of the pictures in pixels."""
    workers: int | None = None
    """Processes that draw; None for one per core, 0 to draw in this one."""
    seed: int = 0
    """Seed of everything random."""
    output: Path | None = None
    """Output folder; by default runs/make_stimuli-<time>."""


def main(settings: MakeStimuliSettings) -> None:
    """Plan the trials, draw them, write pictures and conditions."""
    require_more_than_zero(settings, ("pairs", "distance"))
    check_workers(settings.workers)
    keys = checked_keys(settings.keys)
    task, pool = _task_and_pool(settings)
    shapes = [ShepardMetzlerObject(cubes).directions() for cubes in pool.cubes]
    nearest = whole_view_distance(pool.centred())
    distance = nearest if settings.distance is None else settings.distance
    rng = np.random.default_rng(settings.seed)
    angles = None if task.angles is None else task.angles.tolist()
    plan = balanced_plan(rng, settings.pairs, shapes, angles)
    renderer = _renderer(settings)
    try:
        folder = new_run_folder(settings.output, "make_stimuli")
        save_settings(folder, settings)
        make_folder("folder of pictures", folder / PICTURES)
        portions = photographed(
            task, renderer, plan, rng,
            distance=distance, all_cubes_show=not settings.hidden_cubes, portion=PORTION,
        )  # fmt: skip
        conditions: list[Condition] = []
        with tqdm(total=len(plan), unit="pair", dynamic_ncols=True, disable=None) as bar:
            for pairs in portions:
                conditions += save_pairs(folder, pairs, len(conditions), str(task.axis))
                bar.update(len(pairs.plan))
    finally:
        renderer.close()
    write_conditions(folder, conditions, keys)
    print(folder)


def save_pairs(folder: Path, pairs: Pairs, done: int, axis: str) -> Iterator[Condition]:
    """Write pictures of pairs that come after `done` others, and say what they are."""
    camera = pairs.trials.camera
    assert camera is not None
    azimuth, elevation = np.degrees(camera.stacked()).T
    for row, planned in enumerate(pairs.plan):
        number = f"{PICTURES}/{done + row + 1:05d}"
        left, right = f"{number}_left.png", f"{number}_right.png"
        Image.fromarray(pairs.left[row]).save(folder / left)
        Image.fromarray(pairs.right[row]).save(folder / right)
        angle = float(pairs.trials.details["angle"][row])
        yield Condition(
            left, right, planned.shape, not planned.same, angle, axis,
            float(azimuth[row]), float(elevation[row]),
        )  # fmt: skip


def _task_and_pool(settings: MakeStimuliSettings) -> tuple[MentalRotationTask, ShapePool]:
    """The task of one picture of each object, and the shapes that it has."""
    num_cubes = num_cubes_of(settings.num_cubes, settings.shapes)
    task = MentalRotationTask(
        num_cubes=num_cubes,
        shapes=settings.shapes,
        colours=settings.colours,
        rotation=settings.rotation or "depth",
        angles=parse_angles(settings.angles),
        camera="fixed",
        elevation=settings.elevation,
        glimpses=1,
    )
    return task, shape_source(num_cubes, settings.shapes).pool().chiral()


def _renderer(settings: MakeStimuliSettings) -> Renderer:
    workers = available_cores() if settings.workers is None else settings.workers
    if not settings.hidden_cubes:
        workers = 0  # workers do not tell which cube a pixel shows
    if settings.image_size > LARGEST:
        raise UserError(f"image_size is {settings.image_size}, expected at most {LARGEST}")
    return make_renderer(
        settings.renderer,
        settings.image_size,
        workers=0 if workers < 2 else workers,
        capacity=2 * PORTION,
        appearance=settings.look(),
    )


if __name__ == "__main__":
    run_command(main, MakeStimuliSettings, __doc__)
