"""Probes of a GQN's representation beside probes of what an untrained network and pixels give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from gqn_rl.data.synthetic import SceneDistribution
from gqn_rl.gqn.checkpoint import FAMILIES
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.metrics import representations
from gqn_rl.probe_scenes import (
    Features,
    LabelledScenes,
    labelled_features,
    pixel_features,
    signal_to_noise,
)
from gqn_rl.probes import LINEAR, MLP, Labelled, probe
from gqn_rl.rendering import Renderer

PREDICTION_STREAM, TRAIN_STREAM, TEST_STREAM, NOISE_STREAM = range(4)
"""Each purpose draws its scenes from a stream of its own."""
KINDS = {"linear": LINEAR, "mlp": MLP}
NOISE_SCENES, NOISE_SETS = 64, 4
RANDOM_WEIGHTS_SEED = 4_000_037
"""Added to the seed, so that no network that was ever trained began with these weights."""


def encoders_to_compare(
    model: GenerativeQueryNetwork, sidecar: dict[str, Any], precision: str, seed: int
) -> dict[str, Features]:
    """The model, the same architecture with random weights, and raw pixels."""
    config_type, model_type = FAMILIES[sidecar["family"]]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_WEIGHTS_SEED + seed)
        twin = model_type(config_type.from_dict(sidecar["config"]))
    twin = twin.to(model.device).eval().requires_grad_(False)
    return {
        "gqn": partial(representations, model, precision=precision),
        "random weights": partial(representations, twin, precision=precision),
        "pixels": pixel_features,
    }


def probe_encoders(
    encoders: Mapping[str, Features],
    renderer: Renderer,
    distribution: LabelledScenes,
    *,
    train_scenes: int,
    test_scenes: int,
    num_views: int,
    seed: int,
    device: torch.device,
) -> dict[str, Any]:
    """`ProbeResult.to_dict` by encoder and kind of probe, all on the same scenes and views."""
    what = f"{distribution.orientation}, {num_views} views"
    sets = []
    with progress(f"probe scenes, {what}", train_scenes + test_scenes) as advance:
        for stream, n in ((TRAIN_STREAM, train_scenes), (TEST_STREAM, test_scenes)):
            rng = np.random.default_rng(
                [seed, stream, distribution.orientation == "free", num_views]
            )
            sets.append(
                labelled_features(encoders, renderer, distribution, n, num_views, rng, advance)
            )
    (train, train_labels), (test, test_labels) = sets
    numbers: dict[str, Any] = {}
    with progress(f"probes, {what}", len(KINDS) * len(encoders)) as advance:
        for name in encoders:
            known = Labelled.from_numpy(train.pop(name), train_labels, device)
            fresh = Labelled.from_numpy(test.pop(name), test_labels, device)
            numbers[name] = {}
            for kind, recipe in KINDS.items():
                result = probe(recipe, known, fresh, classes=distribution.size, seed=seed)
                numbers[name][kind] = result.to_dict()
                advance(1)
    return numbers


def noise_of_encoders(
    encoders: Mapping[str, Features],
    renderer: Renderer,
    distribution: SceneDistribution,
    *,
    num_views: int,
    seed: int,
) -> dict[str, float]:
    """`signal_to_noise` of every encoder but the pixels, on the same scenes and views."""
    return {
        name: signal_to_noise(
            encode,
            renderer,
            distribution,
            num_scenes=NOISE_SCENES,
            num_sets=NOISE_SETS,
            num_views=num_views,
            rng=np.random.default_rng([seed, NOISE_STREAM]),
        )
        for name, encode in encoders.items()
        if encode is not pixel_features
    }


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], object]]:
    """A progress bar; call what it yields with the number of things done."""
    with tqdm(total=total, desc=what, dynamic_ncols=True) as bar:
        yield bar.update
