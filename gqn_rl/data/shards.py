"""Rendered scenes on disk: safetensors files that say what they are.

Shard k of a data set is a function of its description and k, so that an interrupted generation
goes on where it was, and more shards can be added later. Batch number k of the reader is a function
of the seed and k, so that an interrupted training goes on as well.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch.utils.data import Dataset

from gqn_rl.data.synthetic import SceneDistribution, SceneViews
from gqn_rl.errors import UserError
from gqn_rl.files import write_bytes
from gqn_rl.rendering import Renderer, RendererIdentity
from gqn_rl.viewpoint import CAMERA_CONVENTION, ENCODING_SIZE, sample_on_sphere

FORMAT = "gqn_rl.shard/1"
PATTERN = "shard-*.safetensors"
METADATA_KEY = "shard"
"""All metadata is JSON under one key: the order of several would differ from file to file."""


@dataclass(frozen=True)
class DataDescription:
    """What the scenes of a data set are drawn from.

    Attributes:
        num_cubes, shapes, free_fraction: see `SceneDistribution`.
        num_views: views per scene.
        scenes_per_shard: scenes in every shard but the last, which may hold fewer.
        seed: of everything random.
    """

    num_cubes: int = 7
    shapes: str = "train"
    free_fraction: float = 0.3
    num_views: int = 10
    scenes_per_shard: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("num_views", "scenes_per_shard"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}, expected at least 1")
        if self.seed < 0:
            raise UserError(f"seed is {self.seed}, expected at least 0")
        if not 0.0 <= self.free_fraction <= 1.0:
            raise UserError(f"free_fraction is {self.free_fraction}, expected within [0, 1]")

    @property
    def distribution(self) -> SceneDistribution:
        return SceneDistribution(self.num_cubes, self.shapes, self.free_fraction)


@dataclass(frozen=True)
class Shard:
    """A file of scenes and what it says about itself, without the pixels.

    Attributes:
        path: the file.
        description: of the data set it belongs to.
        index: its number there.
        renderer: `RendererIdentity.to_dict` of what drew it.
        camera: the camera convention of its viewpoints.
        num_scenes: scenes in it.
    """

    path: Path
    description: DataDescription
    index: int
    renderer: dict[str, Any]
    camera: str
    num_scenes: int

    def require_usable(self, identity: RendererIdentity) -> None:
        """Refuse pictures or poses other than those of a renderer with this identity."""
        identity.require_same_pictures(self.renderer, source=str(self.path))
        if self.camera != CAMERA_CONVENTION:
            raise UserError(
                f"{self.path} uses the camera convention {self.camera!r}, "
                f"expected {CAMERA_CONVENTION!r}"
            )


def shard_path(folder: Path, index: int) -> Path:
    return folder / f"shard-{index:05d}.safetensors"


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


def write_shard(
    folder: Path,
    views: SceneViews,
    *,
    description: DataDescription,
    index: int,
    identity: RendererIdentity,
) -> None:
    """Write shard number `index` atomically."""
    about = {
        "format": FORMAT,
        "description": asdict(description),
        "index": index,
        "renderer": identity.to_dict(),
        "camera": CAMERA_CONVENTION,
    }
    tensors: dict[str, NDArray[Any]] = {"images": views.images, "viewpoints": views.viewpoints}
    content = save(tensors, metadata={METADATA_KEY: json.dumps(about)})
    write_bytes(shard_path(folder, index), content)


def read_header(path: Path) -> Shard:
    """What a shard says about itself.

    Raises:
        UserError: when the file is truncated, foreign or not what it says.
    """
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            layout = {
                name: (file.get_slice(name).get_dtype(), tuple(file.get_slice(name).get_shape()))
                for name in file.keys()  # noqa: SIM118 - not a dict
            }
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is truncated or not a safetensors file: {error}") from error
    about = _parse(metadata.get(METADATA_KEY, ""))
    if about.get("format") != FORMAT:
        raise UserError(f"{path} has format {about.get('format')!r}, expected {FORMAT!r}")
    try:
        description, renderer = DataDescription(**about["description"]), dict(about["renderer"])
        index, camera, size = about["index"], about["camera"], renderer["image_size"]
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(f"{path} does not say what it holds: {error!r}") from error
    count = layout.get("images", ("", (0,)))[1][0]
    expected = {
        "images": ("U8", (count, description.num_views, size, size, 3)),
        "viewpoints": ("F32", (count, description.num_views, ENCODING_SIZE)),
    }
    if layout != expected or not 1 <= count <= description.scenes_per_shard:
        raise UserError(f"{path} holds {layout}, expected {expected}")
    return Shard(path, description, index, renderer, camera, count)


def _parse(text: str) -> dict[str, Any]:
    """The JSON object in `text`, or an empty one."""
    try:
        about = json.loads(text)
    except ValueError:
        return {}
    return about if isinstance(about, dict) else {}


def read_headers(folder: Path, identity: RendererIdentity) -> list[Shard]:
    """All shards of a data set, in order.

    Raises:
        UserError: when there is none, one is missing or unusable, or they do not belong together.
    """
    try:
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise UserError(f"cannot read the folder {str(folder)!r}: {error.strerror}") from error
    paths = [path for path in paths if path.match(PATTERN)]
    if not paths:
        raise UserError(f"no data in {str(folder)!r}: there is no file {PATTERN}")
    shards = [read_header(path) for path in paths]
    for number, shard in enumerate(shards):
        shard.require_usable(identity)
        if shard.path != shard_path(folder, number) or shard.index != number:
            raise UserError(
                f"{shard.path} is shard {shard.index} of its data set, but "
                f"{shard_path(folder, number)} should come here"
            )
        if shard.description != shards[0].description:
            raise UserError(
                f"{shard.path} is described as {shard.description}, but {shards[0].path} as "
                f"{shards[0].description}"
            )
    return shards


class ShardBatches(Dataset[SceneViews]):
    """Batch number k of an endless shuffled sequence as item k, for loading in worker processes.

    Every scene comes once before any comes again, in another order each time and every time with
    views chosen anew.

    Args:
        folder: with the shards.
        identity: of the renderer whose pictures are expected.
        batch_size: scenes per batch.
        num_views: views per scene, a random choice of those on disk in random order.
        num_batches: the length.
        seed: of the order and of the choice of views.
    """

    def __init__(
        self,
        folder: Path,
        identity: RendererIdentity,
        *,
        batch_size: int,
        num_views: int,
        num_batches: int,
        seed: int,
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

    def __len__(self) -> int:
        return self.num_batches

    @cached_property
    def num_scenes(self) -> int:
        return sum(shard.num_scenes for shard in self.shards)

    def __getitem__(self, index: int) -> SceneViews:
        scenes = self.scene_numbers(index)
        rng = np.random.default_rng([self.seed, 0, index])
        every = np.tile(np.arange(self.description.num_views), (self.batch_size, 1))
        chosen = rng.permuted(every, axis=1)[:, : self.num_views]
        size = self.shards[0].renderer["image_size"]
        images = np.empty((*chosen.shape, size, size, 3), np.uint8)
        viewpoints = np.empty((*chosen.shape, ENCODING_SIZE), np.float32)
        starts = np.cumsum([0] + [shard.num_scenes for shard in self.shards])
        which = np.searchsorted(starts, scenes, side="right") - 1
        for number in np.unique(which):
            rows = np.flatnonzero(which == number)
            local = scenes[rows] - starts[number]
            part = _read_scenes(self.shards[number].path, local, chosen[rows])
            images[rows], viewpoints[rows] = part.images, part.viewpoints
        return SceneViews(images, viewpoints)

    def scene_numbers(self, index: int) -> NDArray[np.int64]:
        """Which scenes batch number `index` consists of."""
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
            return SceneViews(
                np.stack([images[int(row)][v] for row, v in zip(rows, views, strict=True)]),
                np.stack([viewpoints[int(row)][v] for row, v in zip(rows, views, strict=True)]),
            )
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} cannot be read any more: {error}") from error
