"""The flags of `evaluate_gqn`, and what is refused of them before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from experiments.shared.command import require_at_least
from experiments.shared.device import DeviceFlag
from experiments.shared.threads import ThreadsFlag
from experiments.shared.untrained import RANDOM_NETWORKS
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.gqn.config import DEFAULT_WEIGHTS
from gqn_rl.rendering import DEFAULT_RENDERER
from gqn_rl.scenes.scene import POSITIONS
from gqn_rl.scenes.shape_catalogue import MAX_ENUMERATED
from gqn_rl.scenes.shape_source import is_file, num_cubes_of, shape_source

if TYPE_CHECKING:
    from gqn_rl.probes.scenes import ProbeScenes

MOST_VIEWS = 10
"""Scenes always have one view more, the query, so that it does not depend on the plan."""
ORIENTATIONS = {"grid": 0.0, "free": 1.0}
"""Name to share of scenes in free orientation."""
PROBE_NAMES = ("shape", "chirality", "orientation", "colour")
"""Those of `gqn_rl.probes.tasks.PROBES`, which takes seconds to import."""
FEWEST_TEST_SCENES = 4
"""Two pairs."""


@dataclass(frozen=True)
class Settings(DeviceFlag, ThreadsFlag):
    """Flags of `python -m experiments.evaluate_gqn`."""

    weights: str = DEFAULT_WEIGHTS
    """GQN to measure: shipped weights by name, a .safetensors file, or a folder with one."""
    data_path: Path | None = None
    """Folder of shards, such as convert_dataset makes of DeepMind's sets, on whose scenes, instead
    of rendered ones, prediction is measured; probes, variance, turning and ideal observer are left
    out. The weights have to be trained on such pictures."""
    scenes: int = 100
    """Scenes per orientation on which prediction is measured."""
    views: tuple[int, ...] = tuple(range(1, MOST_VIEWS + 1))
    """Numbers of context views, each 1 to 10."""
    curve_samples: int = 2
    """Prior-path samples per query at each number of views."""
    sample_views: int = 3
    """The number of context views of the contact sheet and of the mean of many samples."""
    samples: int = 10
    """Prior-path samples per query at that number of views."""
    steps: int | None = None
    """Steps of refinement, with which predictions explain the views they are made from; 0 for one
    pass through the network. By default as many as `predict` takes; both are reported."""
    ideal_scenes: int = 50
    """Scenes per orientation, the first ones, that the ideal observer sees too, to say how well
    anybody could predict (docs/ideal-observer.md); 0 leaves it out."""
    shapes: str = "test"
    """test or validation (never shown in pre-training), train, all, or a file of objects, one a
    line such as uuuubbuur."""
    num_cubes: int | None = None
    """Cubes per object; by default 7, or those of a file's objects."""
    position: str = "centred"
    """centred, the middle of the object where all cameras look, or random; of the scenes whose
    views are predicted."""
    probes: tuple[str, ...] = PROBE_NAMES
    """What is probed: any of shape, chirality, orientation, colour."""
    probe_scenes: int = 3000
    """Labelled scenes that train each probe; 0 leaves the probes out."""
    probe_test_scenes: int = 1000
    """Fresh labelled scenes that test it."""
    probe_views: tuple[int, ...] = (3,)
    """Numbers of views from which the probes' representations are made."""
    probe_orientations: tuple[str, ...] = ("grid",)
    """Orientations of the probes' scenes: grid, free or both."""
    gallery_size: int = 10
    """Shapes of the probes, save that of chirality: it has every chiral shape there is."""
    random_networks: int = RANDOM_NETWORKS
    """Networks with random weights beside the trained one: the median and the range of them are
    reported, since one alone is a lottery (experiments/shared/untrained.py); 0 leaves them out."""
    turning_pairs: int = 200
    """Pairs of objects told apart by turning what is imagined of them (experiments/gqn/turning.py),
    for families that imagine cells; 0 leaves it out."""
    variance_views: tuple[int, ...] = (1, 3, 10)
    """Numbers of views at which the variance of r within and across scenes is measured."""
    renderer: str = DEFAULT_RENDERER
    """What draws the scenes: pybullet or raycast; they draw the same pictures."""
    precision: str = "auto"
    """auto, bf16 or fp32; auto is bf16 where the processor computes it faster."""
    seed: int = 0
    """Of scenes, latents and probes."""
    output: Path | None = None
    """Output folder; by default runs/evaluate_gqn-<time>."""
    write_record: bool = False
    """Store the key figures in the JSON beside the weights; the weights stay as they are.
    False or True."""

    @property
    def cubes(self) -> int:
        """Of every object."""
        return num_cubes_of(self.num_cubes, self.shapes)


def check(settings: Settings) -> None:
    """Refuse what cannot be measured, before anything is loaded or made."""
    from gqn_rl.devices import PRECISIONS

    least = {"scenes": 2, "samples": 1, "curve_samples": 1}
    least |= {"ideal_scenes": 0, "turning_pairs": 0, "seed": 0, "random_networks": 0}
    require_at_least(settings, least)
    if settings.data_path is not None and settings.write_record:
        raise UserError("write_record is True, but with data_path there are no figures to store")
    shape_source(settings.cubes, settings.shapes)  # refuses unknown names and wrong sizes
    if settings.position not in POSITIONS:
        raise unknown_name("position", settings.position, POSITIONS)
    if settings.data_path is None:
        _check_enumerated(settings)
    if settings.probe_scenes:
        _check_probes(settings)
    for name, counts in (
        ("views", settings.views),
        ("sample_views", (settings.sample_views,)),
        ("probe_views", settings.probe_views),
        ("variance_views", settings.variance_views),
    ):
        for count in counts:
            if not 1 <= count <= MOST_VIEWS:
                raise UserError(f"{name} has {count}, expected 1 to {MOST_VIEWS}")
        if not counts:
            raise UserError(f"{name} is empty, expected numbers from 1 to {MOST_VIEWS}")
    if settings.precision not in PRECISIONS:
        raise unknown_name("precision", settings.precision, PRECISIONS)


def _check_enumerated(settings: Settings) -> None:
    """Refuse what needs to know every shape where that cannot be had."""
    asked = {
        "ideal_scenes": settings.cubes > MAX_ENUMERATED,
        "probe_scenes": settings.cubes > MAX_ENUMERATED or is_file(settings.shapes),
        "turning_pairs": settings.cubes > MAX_ENUMERATED or is_file(settings.shapes),
    }
    refused = [name for name, unknown in asked.items() if unknown and getattr(settings, name)]
    if refused:
        flags = " ".join(f"--{name.replace('_', '-')} 0" for name in refused)
        raise UserError(
            f"num_cubes={settings.cubes} and shapes={settings.shapes!r} leave no list of what "
            f"there might be, expected {flags}"
        )


def _check_probes(settings: Settings) -> None:
    from gqn_rl.probes.tasks import PROBES

    for kind, received, valid in (
        ("orientation", settings.probe_orientations, ORIENTATIONS),
        ("probe", settings.probes, PROBES),
    ):
        for name in received:
            if name not in valid:
                raise unknown_name(kind, name, valid)
    for name in settings.probes:  # shapes that do not suffice fail here
        for part in ("train", "test"):
            PROBES[name].sample(probe_scenes_of(settings), np.random.default_rng(0), 4, part)
    fewest = 2 * settings.gallery_size
    if settings.probe_scenes < fewest:
        raise UserError(f"probe_scenes is {settings.probe_scenes}, expected 0 or at least {fewest}")
    if settings.probe_test_scenes < FEWEST_TEST_SCENES:
        raise UserError(
            f"probe_test_scenes is {settings.probe_test_scenes}, expected at least "
            f"{FEWEST_TEST_SCENES}"
        )


def probe_scenes_of(settings: Settings) -> ProbeScenes:
    """What the probes' scenes are drawn from."""
    from gqn_rl.probes.scenes import ProbeScenes

    return ProbeScenes(settings.cubes, settings.shapes, settings.gallery_size)
