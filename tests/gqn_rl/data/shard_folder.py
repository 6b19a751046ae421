"""A small data set on disk, for tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gqn_rl.data.shards import DataDescription, ShardBatches, make_shard, write_shard
from gqn_rl.data.synthetic import SceneViews
from gqn_rl.rendering import make_renderer

RENDERER = make_renderer("raycast", 16)
DESCRIPTION = DataDescription(num_views=4, scenes_per_shard=4, seed=3)
COUNTS = (4, 4, 2)


def write(folder: Path, index: int, count: int = 4, seed: int = 3) -> SceneViews:
    description = replace(DESCRIPTION, seed=seed)
    views = make_shard(RENDERER, description, index, count)
    identity = RENDERER.identity
    write_shard(folder, views, description=description, index=index, identity=identity)
    return views


def write_folder(folder: Path) -> SceneViews:
    """Write ten scenes in three shards, and return them."""
    parts = [write(folder, index, count) for index, count in enumerate(COUNTS)]
    images = np.concatenate([part.images for part in parts])
    return SceneViews(images, np.concatenate([part.viewpoints for part in parts]))


def reader(folder: Path, **changes: Any) -> ShardBatches:
    options: dict[str, Any] = {
        "batch_size": 3,
        "num_views": 2,
        "num_batches": 50,
        "seed": 0,
    } | changes
    return ShardBatches(folder, RENDERER.identity, **options)
