"""Features of probes: the same scenes for every encoder, in little memory."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.data.synthetic import SceneViews
from gqn_rl.errors import UserError
from gqn_rl.probes.features import FeatureTable, fill_tables, pixel_features
from gqn_rl.rendering import make_renderer
from gqn_rl.scenes.scene import sample_scenes


def test_every_encoder_sees_the_same_scenes(rng: np.random.Generator) -> None:
    seen: dict[str, list[SceneViews]] = {"a": [], "b": []}

    def encoder(name: str):
        def encode(views: SceneViews) -> np.ndarray:
            seen[name].append(views)
            return np.full((len(views), 2), len(seen[name]), dtype=np.float32)

        return encode

    encoders = {name: encoder(name) for name in seen}
    tables = {name: FeatureTable(name, 70, np.zeros(2, np.float32)) for name in seen}
    done: list[int] = []
    fill_tables(
        tables, encoders, make_renderer("raycast", 16), sample_scenes(rng, 70), 2, rng, done.append
    )
    assert sum(done) == 70
    for table in tables.values():
        assert table.values.shape == (70, 2)
        assert (np.diff(table.values[:, 0]) >= 0).all()  # chunk after chunk, in order
    for ours, theirs in zip(seen["a"], seen["b"], strict=True):
        assert ours is theirs
        assert ours.images.shape[1:] == (2, 16, 16, 3)


def test_a_table_keeps_small_variations_of_large_features(rng: np.random.Generator) -> None:
    features = (1000.0 + 0.1 * rng.standard_normal((200, 5))).astype(np.float32)
    first, second = FeatureTable("a", 150), FeatureTable("a", 50)
    first.append(features[:64])
    first.append(features[64:150])
    second = FeatureTable("a", 50, first.origin)
    second.append(features[150:])
    values = np.concatenate([first.values, second.values]).astype(np.float32)
    assert values.dtype == np.float32
    assert first.values.dtype == np.float16
    assert np.abs(values - values[0] - (features - features[0])).max() < 1e-3 * 0.4


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e6])
def test_features_that_cannot_be_kept_name_their_encoder(bad: float) -> None:
    features = np.zeros((4, 3), dtype=np.float32)
    features[2, 1] = bad
    with pytest.raises(UserError, match="features of 'broken' hold NaN"):
        FeatureTable("broken", 4, np.zeros(3, np.float32)).append(features)


def test_pixel_features_are_pixels_and_poses(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (3, 2, 64, 64, 3)).astype(np.uint8)
    poses = rng.standard_normal((3, 2, 7)).astype(np.float32)
    features = pixel_features(SceneViews(images, poses)).reshape(3, 2, -1)
    assert features.shape[2] == 32 * 32 * 3 + 7
    assert (features[..., -7:] == poses).all()
    corner = images[..., :2, :2, :].reshape(3, 2, 4, 3).mean(axis=2) / 255
    assert features[..., :3] == pytest.approx(corner, abs=1e-6)


@pytest.mark.parametrize(("size", "side"), [(16, 16), (32, 32), (64, 32), (84, 28), (128, 32)])
def test_images_of_any_size_give_at_most_32_squares_a_side(size: int, side: int) -> None:
    views = SceneViews(np.zeros((2, 3, size, size, 3), np.uint8), np.zeros((2, 3, 7), np.float32))
    assert pixel_features(views).shape == (2, 3 * (side * side * 3 + 7))
