"""Telling an object from its mirror image by turning what is imagined; nothing is trained for it.

Two scenes show the same chiral shape or mirror images, each from a few views, in colours and
orientations of their own. The cells that the network imagines of the one are turned to fit those of
the other in all 24 ways, once as they are and once reflected; the better fit is the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.gqn.probing import Progress, networks_as_one, progress
from experiments.shared import seeds
from experiments.shared.untrained import UNTRAINED, untrained_models
from gqn_rl.data.synthetic import SceneViews, render_views
from gqn_rl.devices import autocast
from gqn_rl.geometry.turned_volumes import TurnedVolumes
from gqn_rl.geometry.view import to_float
from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.probes.scenes import ProbeScenes, ProbeTrials
from gqn_rl.probes.targets import Classes
from gqn_rl.probes.tasks import by_angle
from gqn_rl.rendering import Renderer
from gqn_rl.scenes.scene import SceneBatch

SCENES_PER_CHUNK = 64
FEWEST_TRIALS = 2


def measure_turning(
    model: GenerativeQueryNetwork,
    renderer: Renderer,
    scenes: ProbeScenes,
    *,
    orientations: Sequence[str],
    views: Sequence[int],
    pairs: int,
    seed: int,
    precision: str,
    random_networks: int,
) -> dict[str, Any]:
    """Accuracy of "same or mirrored", by orientation, number of views and weights.

    Returns:
        for the network and for the same with random weights (see `networks_as_one`) `Score.to_dict`
        with a `breakdown` by angle; nothing for families that imagine no cells.
    """
    if not isinstance(model, CanonicalGQN):
        return {}
    controls = untrained_models(model, seed, random_networks)
    named = {f"{UNTRAINED} {number}": twin for number, twin in enumerate(controls, start=1)}
    networks = {"gqn": model, **named}
    found: dict[str, Any] = {orientation: {} for orientation in orientations}
    total = 2 * pairs * len(orientations) * len(views)
    with progress("same or mirrored, by turning", total) as advance:
        for orientation, count in product(orientations, views):
            rng = np.random.default_rng([seed, seeds.TURNING_STREAM, orientation == "free", count])
            chosen = replace(scenes, orientation=orientation)
            trials = chosen.mirror_pairs(rng, 2 * pairs, "test")
            cells = _imagined(networks, renderer, trials.scenes, count, rng, precision, advance)
            scores = {name: {"": _score(answers(each), trials)} for name, each in cells.items()}
            found[orientation][str(count)] = {
                name: score[""] for name, score in networks_as_one(scores).items()
            }
    return found


def _imagined(
    networks: Mapping[str, Any],
    renderer: Renderer,
    scenes: SceneBatch,
    num_views: int,
    rng: np.random.Generator,
    precision: str,
    advance: Progress,
) -> dict[str, torch.Tensor]:
    """What each network imagines of the same scenes from the same views."""
    cells: dict[str, list[torch.Tensor]] = {name: [] for name in networks}
    for start in range(0, len(scenes), SCENES_PER_CHUNK):
        part = scenes[start : start + SCENES_PER_CHUNK]
        seen = render_views(renderer, part, num_views, rng)
        for name, network in networks.items():
            cells[name].append(imagined_cells(network, seen, precision))
        advance(len(part))
    return {name: torch.cat(parts) for name, parts in cells.items()}


@torch.no_grad()
def imagined_cells(model: CanonicalGQN, views: SceneViews, precision: str) -> torch.Tensor:
    """`CanonicalGQN.cells` of B scenes from all their views, on the CPU."""
    images = to_float(torch.from_numpy(views.images).to(model.device))
    poses = torch.from_numpy(views.viewpoints).to(model.device)
    with autocast(model.device, precision):
        return model.voxel_grid(model.represent(images, poses)).float().cpu()


def answers(cells: torch.Tensor) -> NDArray[np.float32]:
    """How well mirrored and same explain each two scenes in a row, float32 (n, 2): class scores."""
    turned = TurnedVolumes(cells.shape[-1], group="all")
    compared = turned.compare(cells[::2], cells[1::2])
    out: NDArray[np.float32] = compared[:, :2].numpy()
    return out


def _score(outputs: NDArray[np.float32], trials: ProbeTrials) -> dict[str, Any]:
    target, labels = Classes(2), trials.mirrored.astype(np.int64)
    breakdown = {
        name: target.score(outputs[rows], labels[rows]).to_dict()
        for name, rows in by_angle(trials).items()
        if rows.sum() >= FEWEST_TRIALS
    }
    return target.score(outputs, labels).to_dict() | {"breakdown": breakdown}
