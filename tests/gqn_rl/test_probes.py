"""Probes: they read what is there, and only that."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from envs.tasks.recognition import RecognitionTask
from gqn_rl.data.synthetic import SceneDistribution, SceneViews
from gqn_rl.errors import UserError
from gqn_rl.probe_scenes import (
    LabelledScenes,
    gallery_shapes,
    labelled_features,
    pixel_features,
    signal_to_noise,
)
from gqn_rl.probes import LINEAR, MLP, Labelled, ProbeResult, probe
from gqn_rl.rendering import make_renderer

CLASSES, SIZE = 10, 64
CPU = torch.device("cpu")
KINDS = pytest.mark.parametrize("recipe", [LINEAR, MLP], ids=["linear", "mlp"])


def clusters(rng: np.random.Generator, n: int, centres: np.ndarray) -> Labelled:
    """Classes far apart, among features of very different scale and offset."""
    labels = rng.integers(CLASSES, size=n)
    features = centres[labels] + 0.3 * rng.standard_normal((n, SIZE))
    features = features * np.geomspace(1, 100, SIZE) + 7.0
    return Labelled.from_numpy(features.astype(np.float32), labels, CPU)


@KINDS
def test_separable_classes_are_read(recipe, rng: np.random.Generator) -> None:
    centres = rng.standard_normal((CLASSES, SIZE))
    train, test = clusters(rng, 1500, centres), clusters(rng, 500, centres)
    result = probe(recipe, train, test, classes=CLASSES, seed=0)
    assert result.accuracy > 0.99
    assert result.validation_accuracy > 0.99


@KINDS
def test_random_labels_stay_at_chance(recipe, rng: np.random.Generator) -> None:
    centres = rng.standard_normal((CLASSES, SIZE))
    sets = []
    for n in (1500, 1000):
        data = clusters(rng, n, centres)
        sets.append(Labelled(data.features, torch.from_numpy(rng.integers(CLASSES, size=n))))
    low, high = probe(recipe, *sets, classes=CLASSES, seed=0).interval
    assert low <= 1 / CLASSES <= high


def test_a_hidden_layer_reads_what_a_line_cannot(rng: np.random.Generator) -> None:
    def parity(n: int) -> Labelled:
        features = rng.choice([-1.0, 1.0], (n, 4)).astype(np.float32)
        labels = (features[:, 0] * features[:, 1] > 0).astype(np.int64)
        return Labelled.from_numpy(features, labels, CPU)

    train, test = parity(2000), parity(500)
    assert probe(LINEAR, train, test, classes=2, seed=0).accuracy < 0.65
    assert probe(MLP, train, test, classes=2, seed=0).accuracy > 0.95


def test_the_same_seed_gives_the_same_result(rng: np.random.Generator) -> None:
    centres = 0.2 * rng.standard_normal((CLASSES, SIZE))
    train, test = clusters(rng, 500, centres), clusters(rng, 200, centres)
    torch.manual_seed(1)
    first = probe(MLP, train, test, classes=CLASSES, seed=3)
    torch.manual_seed(2)  # nothing depends on the global generator
    assert probe(MLP, train, test, classes=CLASSES, seed=3) == first


def test_constant_features_do_no_harm(rng: np.random.Generator) -> None:
    labels = rng.integers(2, size=400)
    features = np.zeros((400, 3), dtype=np.float32)
    features[:, 0] = labels
    data = Labelled.from_numpy(features, labels, CPU)
    assert probe(LINEAR, data, data, classes=2, seed=0).accuracy == 1.0


def test_interval_is_wilsons() -> None:
    # The worked example of Newcombe, Statistics in Medicine 17:857, 1998.
    assert ProbeResult(81, 263, 0.1, 0.3, 5).interval == pytest.approx((0.2553, 0.3662), abs=5e-5)


@pytest.mark.parametrize("shapes", ["train", "test", "all"])
def test_gallery_is_that_of_the_recognition_task(shapes: str) -> None:
    task = RecognitionTask(shapes=shapes)
    assert (gallery_shapes(7, shapes, 10) == task.gallery).all()


def test_labelled_scenes_show_the_task_s_objects(rng: np.random.Generator) -> None:
    scenes, labels = LabelledScenes(shapes="test").sample(rng, 50)
    trials = RecognitionTask(shapes="test").sample(rng, 200)
    for label in np.unique(labels):
        shown = scenes.cubes[labels == label][0]
        assert (shown == trials.scenes.cubes[trials.target == label]).all()


def test_gallery_larger_than_the_shapes_there_are_is_refused() -> None:
    with pytest.raises(UserError, match="gallery_size is 1000"):
        gallery_shapes(7, "test", 1000)


def test_every_encoder_sees_the_same_scenes(rng: np.random.Generator) -> None:
    seen: dict[str, list[SceneViews]] = {"a": [], "b": []}

    def encoder(name: str):
        def encode(views: SceneViews) -> np.ndarray:
            seen[name].append(views)
            return np.full((len(views), 2), len(seen[name]), dtype=np.float32)

        return encode

    renderer = make_renderer("raycast", 16)
    encoders = {name: encoder(name) for name in seen}
    features, labels = labelled_features(encoders, renderer, LabelledScenes(), 70, 2, rng)
    assert {name: f.shape for name, f in features.items()} == {"a": (70, 2), "b": (70, 2)}
    assert len(labels) == 70
    for ours, theirs in zip(seen["a"], seen["b"], strict=True):
        assert ours is theirs
        assert ours.images.shape[1:] == (2, 16, 16, 3)


def test_pixel_features_are_pixels_and_poses(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (3, 2, 16, 16, 3)).astype(np.uint8)
    poses = rng.standard_normal((3, 2, 7)).astype(np.float32)
    features = pixel_features(SceneViews(images, poses)).reshape(3, 2, -1)
    assert features.shape[2] == 8 * 8 * 3 + 7
    assert (features[..., -7:] == poses).all()
    corner = images[..., :2, :2, :].reshape(3, 2, 4, 3).mean(axis=2) / 255
    assert features[..., :3] == pytest.approx(corner, abs=1e-6)


def test_signal_to_noise_finds_the_ratio_that_was_put_in(rng: np.random.Generator) -> None:
    signal = {}

    def encode(views: SceneViews) -> np.ndarray:
        # Two numbers that belong to the scene (its number), with noise of half their variance.
        start = len(signal)
        rows = np.arange(start, start + len(views))
        signal.update(dict.fromkeys(rows))
        scene = np.random.default_rng(5).standard_normal((1000, 2))[rows // 4]
        return (scene + np.sqrt(0.5) * rng.standard_normal(scene.shape)).astype(np.float32)

    ratio = signal_to_noise(
        encode,
        make_renderer("raycast", 8),
        SceneDistribution(shapes="test"),
        num_scenes=400,
        num_sets=4,
        num_views=1,
        rng=rng,
    )
    assert ratio == pytest.approx(2.0, rel=0.2)
