"""Batches of synthetic scenes: each depends on the seed and its number alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gqn_rl.data.synthetic import SCENE_LABELS
from gqn_rl.training.batches import (
    SyntheticBatches,
    UnrenderedBatches,
    rendered_on,
    stream,
)
from gqn_rl.training.recipe import Recipe


def test_batch_k_depends_on_seed_and_k_alone() -> None:
    recipe = Recipe(iterations=6, batch_size=4, num_views=2)
    batches = SyntheticBatches(recipe, 7, "raycast", 32)
    whole = list(stream(batches, 0, 6, workers=0))
    assert len(whole) == len(batches) == 6
    again = SyntheticBatches(recipe, 7, "raycast", 32)
    for workers in (0, 1):
        for k, got in enumerate(stream(again, 3, 6, workers), start=3):
            np.testing.assert_array_equal(got.images, whole[k].images)
            np.testing.assert_array_equal(got.viewpoints, whole[k].viewpoints)
    assert not np.array_equal(whole[0].images, whole[1].images)
    halves = [SyntheticBatches(recipe, 7, "raycast", 32, rows)[2] for rows in halves_of(4)]
    together = np.concatenate([half.images for half in halves])
    np.testing.assert_array_equal(together, whole[2].images)


def halves_of(total: int) -> list[slice]:
    return [slice(0, total // 2), slice(total // 2, total)]


DRAWING = {"colours": "grey", "edges": True, "background": "white"}


@pytest.mark.parametrize(("rows", "look"), [(None, None), (slice(2, 4), None), (None, DRAWING)])
def test_batches_drawn_on_the_device_are_those_drawn_by_the_loader(
    rows: slice | None, look: dict[str, Any] | None
) -> None:
    recipe = Recipe(iterations=3, batch_size=4, num_views=2)
    batches = SyntheticBatches(recipe, 7, "raycast", 32, rows, look)
    unrendered = stream(UnrenderedBatches(batches), 0, 3, workers=0)
    for k, views in enumerate(rendered_on(torch.device("cpu"), unrendered, 32, look)):
        np.testing.assert_array_equal(views.images.numpy(), batches[k].images)
        np.testing.assert_array_equal(views.viewpoints.numpy(), batches[k].viewpoints)
        assert set(views.labels) == set(batches[k].labels) == set(SCENE_LABELS)
        for name, label in views.labels.items():
            np.testing.assert_array_equal(label.numpy(), batches[k].labels[name])
