"""Every probe of the table: its labels are the truth, and its answers come from the features."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch

from gqn_rl.probes import KINDS, Labelled, probe
from gqn_rl.probes.scenes import ProbeScenes, ProbeTrials
from gqn_rl.probes.targets import Classes
from gqn_rl.probes.tasks import (
    CORNER,
    PROBES,
    by_angle,
    corner_colours,
    has_one_orientation,
    hue_directions,
    num_symmetries,
)
from gqn_rl.scenes.scene import sample_colours, sample_scenes
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject

CPU = torch.device("cpu")
SIZE, NOISE = 32, 0.05
ANY_PROBE = pytest.mark.parametrize("name", PROBES)


def drawn(
    name: str, n: int, part: str, rng: np.random.Generator
) -> tuple[ProbeScenes, ProbeTrials]:
    scenes = ProbeScenes(shapes="test", orientation="free")
    task = PROBES[name]
    trials = task.sample(scenes, rng, n, part)
    return scenes, trials.where(task.usable(trials))


def hands(trials: ProbeTrials) -> np.ndarray:
    """-1 or 1, opposite for mirror images, and 0 for shapes that are their own."""
    return np.sign(shape_catalogue(7).mirror[trials.shape] - trials.shape)[:, None]


TRUTHS = {
    "shape": lambda trials: np.eye(shape_catalogue(7).num_shapes)[trials.shape],
    "chirality": hands,
    "orientation": lambda trials: trials.scenes.rotation.reshape(-1, 9),
    "colour": lambda trials: hue_directions(corner_colours(trials.scenes)),
}
"""What an encoder that knows everything could say of each scene, (N, F)."""


def rng_of(name: str) -> np.random.Generator:
    """The same for training and test."""
    return np.random.default_rng(list(PROBES).index(name))


def labelled(name: str, n: int, part: str, rng: np.random.Generator, shuffle: bool) -> Labelled:
    scenes, trials = drawn(name, n, part, rng)
    labels = PROBES[name].labels(scenes, trials)
    labels = labels[rng.permutation(len(labels))] if shuffle else labels
    features = TRUTHS[name](trials)
    features = features @ rng_of(name).standard_normal((features.shape[1], SIZE))
    features = (features + NOISE * rng.standard_normal(features.shape)).astype(np.float16)
    return Labelled.from_numpy(features, labels, CPU, rows=trials.rows, groups=trials.groups)


@ANY_PROBE
@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_that_tells_the_truth_is_near_perfect(
    name: str, kind: str, rng: np.random.Generator
) -> None:
    train, test = (labelled(name, 1200, part, rng, False) for part in ("train", "test"))
    target = PROBES[name].target(ProbeScenes())
    score = probe(PROBES[name].kinds[kind], target, train, test, seed=0).score
    near = {"accuracy": score.value > 0.98, "degrees": score.value < 8, "r2": score.value > 0.98}
    assert near[score.measure], score


@ANY_PROBE
def test_with_shuffled_labels_it_is_at_chance(name: str, rng: np.random.Generator) -> None:
    train, test = (labelled(name, 1200, part, rng, True) for part in ("train", "test"))
    target = PROBES[name].target(ProbeScenes())
    score = probe(PROBES[name].kinds["linear"], target, train, test, seed=0).score
    margin = {"accuracy": 0.08, "degrees": 8.0, "r2": 0.05}[score.measure]
    assert score.value == pytest.approx(score.chance, abs=margin)


def occupancy(trials: ProbeTrials) -> np.ndarray:
    """How near a cube is to each point of a lattice, float16 (N, 1331)."""
    axis = np.linspace(-3.5, 3.5, 11)
    points = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    parts = []
    for centres in np.array_split(trials.scenes.cube_centres(), 20):
        squared = np.square(centres[:, :, None] - points).sum(axis=-1)
        parts.append(np.exp(-squared / 0.32).sum(axis=1).astype(np.float16))
    return np.concatenate(parts)


@pytest.mark.slow
def test_handedness_of_unseen_shapes_is_learnt_from_their_true_occupancy(
    rng: np.random.Generator,
) -> None:
    """So a representation whose chirality probe is at chance lacks it, and not the probe."""
    task = PROBES["chirality"]
    data = {}
    for part, n in (("train", 6000), ("test", 2000)):
        trials = task.sample(ProbeScenes(shapes="test"), rng, n, part)
        labels = task.labels(ProbeScenes(), trials)
        data[part] = Labelled.from_numpy(
            occupancy(trials), labels, CPU, rows=trials.rows, groups=trials.groups
        )
    result = probe(task.kinds["mlp"], Classes(2), data["train"], data["test"], seed=0)
    assert result.score.interval[0] > 0.6


@ANY_PROBE
def test_labels_are_one_per_trial_and_fit_the_target(name: str, rng: np.random.Generator) -> None:
    scenes, trials = drawn(name, 40, "test", rng)
    labels = torch.from_numpy(PROBES[name].labels(scenes, trials))
    target = PROBES[name].target(scenes)
    assert len(labels) == len(trials) > 0
    loss = target.loss(torch.zeros(len(labels), target.outputs), labels)
    assert torch.isfinite(loss)
    assert loss.ndim == 0


def test_shape_labels_are_places_in_the_gallery(rng: np.random.Generator) -> None:
    scenes, trials = drawn("shape", 100, "test", rng)
    labels = PROBES["shape"].labels(scenes, trials)
    np.testing.assert_array_equal(scenes.gallery_shapes[labels], trials.shape)


@pytest.mark.parametrize("orientation", ["grid", "free"])
def test_orientation_labels_turn_the_shape_into_the_scene(
    orientation: str, rng: np.random.Generator
) -> None:
    scenes = ProbeScenes(orientation=orientation)
    trials = scenes.gallery(rng, 50, "test")
    catalogue = shape_catalogue(7)
    labels = PROBES["orientation"].labels(scenes, trials)
    for shape, label, centres in zip(
        trials.shape, labels, trials.scenes.cube_centres(), strict=True
    ):
        own = catalogue.representative(int(shape)).centred()
        np.testing.assert_allclose(own @ label.T, centres, atol=1e-5)


def test_symmetrical_shapes_have_no_orientation_label(rng: np.random.Generator) -> None:
    straight = ShepardMetzlerObject(np.array([[0, 0, k] for k in range(4)], dtype=np.int8))
    assert num_symmetries(straight.centred()) == 8
    corner = ShepardMetzlerObject(
        np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 1, 2]], dtype=np.int8)
    )
    assert num_symmetries(corner.centred()) == 1
    trials = ProbeScenes(gallery_size=40).gallery(rng, 400, "test")
    usable = has_one_orientation(trials)
    assert 0 < usable.sum() < 400
    for shape in np.unique(trials.shape):
        chosen = usable[trials.shape == shape]
        count = num_symmetries(shape_catalogue(7).representative(int(shape)).centred())
        assert (chosen == (count == 1)).all()


def test_the_corner_is_nearest_to_one_cube_alone(rng: np.random.Generator) -> None:
    scenes = sample_scenes(rng, 500)
    reach = np.sort(scenes.cube_centres() @ CORNER, axis=1)
    assert (reach[:, -1] - reach[:, -2]).min() > 1e-3
    far = 1e6 * CORNER / np.linalg.norm(CORNER)
    nearest = np.linalg.norm(scenes.cube_centres() - far, axis=2).argmin(axis=1)
    expected = scenes.colour[np.arange(500), nearest]
    np.testing.assert_array_equal(corner_colours(scenes), expected)


def test_hue_directions_are_those_of_the_colour_wheel(rng: np.random.Generator) -> None:
    rgb = sample_colours(rng, 100, 1)[:, 0]
    vector = hue_directions(rgb)
    np.testing.assert_allclose(np.linalg.norm(vector, axis=1), 1)
    hue = 2 * np.pi * np.array([colorsys.rgb_to_hsv(*colour)[0] for colour in rgb])
    off = np.angle(np.exp(1j * (np.arctan2(vector[:, 1], vector[:, 0]) - hue)))
    assert np.degrees(np.abs(off)).max() < 1.2  # the hexagon of HSV against a circle


def test_every_angle_is_in_one_bin(rng: np.random.Generator) -> None:
    for orientation in ("grid", "free"):
        trials = ProbeScenes(orientation=orientation).mirror_pairs(rng, 600, "test")
        masks = np.stack(list(by_angle(trials).values()))
        assert (masks.sum(axis=0) == 1).all()
        assert masks.any(axis=1).all()
