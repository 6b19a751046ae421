"""Data sets on disk: making a shard, and reading batches of many.

Shard k of a synthetic data set is a function of its description and k, so that an interrupted
generation goes on where it was, and more shards can be added later. Batch number k of the reader is
a function of the seed and k, so that an interrupted training goes on as well.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch.utils.data import Dataset

from gqn_rl.data.description import DataDescription, DeepMindDescription
from gqn_rl.data.shard_file import Shard, read_header, read_headers, shard_path, write_shard
from gqn_rl.data.synthetic import SceneViews, check_rows
from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import ENCODING_SIZE, sample_on_sphere
from gqn_rl.rendering import Renderer, RendererIdentity

__all__ = [
    "DataDescription",
    "DeepMindDescription",
    "Shard",
    "ShardBatches",
    "make_shard",
    "read_header",
    "read_headers",
    "shard_path",
    "write_shard",
]


def make_shard(
    renderer: Renderer, description: DataDescription, index: int, num_scenes: int
) -> SceneViews:
    """The first `num_scenes` scenes of shard number `index`."""
    size, num_views = description.scenes_per_shard, description.num_views
    rng = np.random.default_rng([description.seed, index])
    scenes = description.distribution.sample(rng, size)[rng.permutation(size)]
    viewpoints = sample_on_sphere(rng, size * num_views)[: num_scenes * num_views]
    images = renderer.render(scenes[:num_scenes].repeat(num_views), viewpoints)
    return SceneViews(
        images.reshape(num_scenes, num_views, *images.shape[1:]),
        viewpoints.encode().reshape(num_scenes, num_views, ENCODING_SIZE),
    )


class ShardBatches(Dataset[SceneViews]):
    """Batch number k of an endless shuffled sequence as item k, for loading in worker processes.

    Every scene comes once before any comes again, in another order each time and every time with
    views chosen anew.

    >>> from gqn_rl.rendering import make_renderer
    >>> renderer, folder = make_renderer("raycast", image_size=16), Path("shards")
    >>> about = DataDescription(num_views=5, scenes_per_shard=4)
    >>> for index in range(2):
    ...     views = make_shard(renderer, about, index, num_scenes=4)
    ...     write_shard(folder, views, description=about, index=index, identity=renderer.identity)
    >>> batches = ShardBatches(folder, None, batch_size=4, num_views=3, num_batches=10, seed=0)
    >>> batches[0].images.shape
    (4, 3, 16, 16, 3)
    >>> np.sort(np.concatenate([batches.scene_numbers(0), batches.scene_numbers(1)]))
    array([0, 1, 2, 3, 4, 5, 6, 7])

    Args:
        folder: with the shards.
        identity: of the renderer whose pictures are expected; None for those that are there.
        batch_size: scenes per batch.
        num_views: views per scene, a random choice of those on disk in random order.
        num_batches: the length.
        seed: of the order and of the choice of views.
        rows: the part of every batch to load, for one process of a data-parallel run; None for
            all of it. Item k is then exactly these rows of the batch.
    """

    def __init__(
        self,
        folder: Path,
        identity: RendererIdentity | None,
        *,
        batch_size: int,
        num_views: int,
        num_batches: int,
        seed: int,
        rows: slice | None = None,
    ) -> None:
        self.shards = read_headers(folder, identity)
        self.description = self.shards[0].description
        self.batch_size, self.num_views = batch_size, num_views
        self.num_batches, self.seed = num_batches, seed
        if not 1 <= batch_size <= self.num_scenes:
            raise UserError(
                f"batch_size is {batch_size}, expected 1 to {self.num_scenes}: "
                f"{str(folder)!r} holds that many scenes"
            )
        if not 1 <= num_views <= self.description.num_views:
            raise UserError(
                f"num_views is {num_views}, expected 1 to {self.description.num_views}: "
                f"{str(folder)!r} holds that many views per scene"
            )
        self.rows = check_rows(rows, batch_size)

    def __len__(self) -> int:
        return self.num_batches

    @cached_property
    def num_scenes(self) -> int:
        return sum(shard.num_scenes for shard in self.shards)

    @property
    def image_size(self) -> int:
        """Height and width of the images in pixels."""
        return int(self.shards[0].renderer["image_size"])

    def __getitem__(self, index: int) -> SceneViews:
        scenes = self.scene_numbers(index)[self.rows]
        rng = np.random.default_rng([self.seed, 0, index])
        every = np.tile(np.arange(self.description.num_views), (self.batch_size, 1))
        chosen = rng.permuted(every, axis=1)[self.rows, : self.num_views]
        images = np.empty((*chosen.shape, self.image_size, self.image_size, 3), np.uint8)
        viewpoints = np.empty((*chosen.shape, ENCODING_SIZE), np.float32)
        starts = np.cumsum([0] + [shard.num_scenes for shard in self.shards])
        which = np.searchsorted(starts, scenes, side="right") - 1
        for number in np.unique(which):
            places = np.flatnonzero(which == number)
            local = scenes[places] - starts[number]
            part = _read_scenes(self.shards[number].path, local, chosen[places])
            images[places], viewpoints[places] = part.images, part.viewpoints
        return SceneViews(images, viewpoints)

    def scene_numbers(self, index: int) -> NDArray[np.int64]:
        """Which scenes batch number `index` consists of, all its rows."""
        position = index * self.batch_size + np.arange(self.batch_size)
        epoch, place = np.divmod(position, self.num_scenes)
        orders = {e: _order(self.seed, int(e), self.num_scenes) for e in np.unique(epoch)}
        return np.array([orders[e][p] for e, p in zip(epoch, place, strict=True)], np.int64)


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, num_scenes: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, 1, epoch]).permutation(num_scenes)


def _read_scenes(path: Path, rows: NDArray[np.int64], views: NDArray[np.int64]) -> SceneViews:
    """Some views (n, V) of some scenes (n,) of one file."""
    try:
        with safe_open(path, framework="np") as file:
            images, viewpoints = file.get_slice("images"), file.get_slice("viewpoints")
            # One view at a time: a maze has 300, of which a batch takes a few.
            pixels = [
                np.stack([images[int(row), int(view)] for view in of_row])
                for row, of_row in zip(rows, views, strict=True)
            ]
            poses = [viewpoints[int(row)][v] for row, v in zip(rows, views, strict=True)]
            part = SceneViews(np.stack(pixels), np.stack(poses))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} cannot be read any more: {error}") from error
    _check_poses(path, rows, part.viewpoints)
    return part


def _check_poses(path: Path, rows: NDArray[np.int64], poses: NDArray[np.float32]) -> None:
    """Refuse poses (n, V, 7) with numbers that are not finite, or that are no sine and cosine."""
    squares = poses[..., 3:].astype(np.float64) ** 2
    circles = np.abs(squares.reshape(*poses.shape[:2], 2, 2).sum(axis=-1) - 1.0)
    good = np.isfinite(poses).all(axis=(1, 2)) & (circles < 1e-3).all(axis=(1, 2))
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise UserError(
            f"{path} has a pose that is none: scene {rows[row]} has {poses[row].tolist()}, expected"
            " finite numbers x, y, z, cos yaw, sin yaw, cos pitch, sin pitch"
        )
