"""Variance of representations within and across scenes."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.data.synthetic import SceneDistribution, SceneViews
from gqn_rl.evaluation.representation_variance import variance_by_views, variance_components
from gqn_rl.rendering import make_renderer


@pytest.mark.parametrize("within", [0.05, 0.5, 2.0])
def test_components_are_those_that_were_put_in(within: float, rng: np.random.Generator) -> None:
    scene = rng.standard_normal((300, 1, 40)) * np.geomspace(0.01, 100, 40)
    noise = rng.standard_normal((300, 4, 40)) * np.geomspace(0.01, 100, 40)
    found = variance_components(5.0 + scene + np.sqrt(within) * noise)
    assert found.ratio == pytest.approx(1 / within, rel=0.1)
    assert found.within + found.across == pytest.approx(1.0, abs=0.02)


def test_features_without_the_scene_have_no_variance_across(rng: np.random.Generator) -> None:
    found = variance_components(rng.standard_normal((300, 4, 50)))
    assert found.across < 0.02
    assert found.within == pytest.approx(1.0, abs=0.02)


def test_features_that_are_only_the_scene_have_none_within(rng: np.random.Generator) -> None:
    found = variance_components(np.repeat(rng.standard_normal((50, 1, 8)), 3, axis=1))
    assert found.within == pytest.approx(0.0, abs=1e-12)
    assert found.ratio > 1e6


def test_constant_features_count_for_nothing(rng: np.random.Generator) -> None:
    features = rng.standard_normal((50, 3, 8))
    padded = np.concatenate([features, np.full((50, 3, 8), 3.0)], axis=2)
    assert variance_components(padded) == variance_components(features)
    assert variance_components(np.ones((5, 3, 2))).ratio == 0.0


def test_sets_of_a_scene_are_independent_and_grow_with_the_number_of_views(
    rng: np.random.Generator,
) -> None:
    seen: dict[int, list[SceneViews]] = {1: [], 3: []}

    def encode(views: SceneViews) -> np.ndarray:
        seen[views.images.shape[1]].append(views)
        return views.images.mean(axis=(1, 2, 3, 4), dtype=np.float32)[:, None]

    done: list[int] = []
    found = variance_by_views(
        encode,
        make_renderer("raycast", 16),
        SceneDistribution(shapes="validation"),
        [1, 3],
        num_scenes=40,
        num_sets=2,
        rng=rng,
        on_scenes=done.append,
    )
    assert list(found) == [1, 3]
    assert sum(done) == 2 * 40 * 2
    poses = {count: np.concatenate([v.viewpoints for v in parts]) for count, parts in seen.items()}
    np.testing.assert_array_equal(poses[3][:, :1], poses[1])
    assert len(np.unique(poses[3].reshape(-1, 7), axis=0)) == 40 * 2 * 3  # no pose twice
