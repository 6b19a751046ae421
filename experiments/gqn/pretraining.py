"""Data that `pretrain_gqn` trains on and is watched by: rendered scenes, or shards on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from experiments.gqn.data_flags import DataFlags
from experiments.shared import seeds
from gqn_rl.data.description import DataDescription
from gqn_rl.data.shard_file import read_headers
from gqn_rl.data.shards import ShardBatches
from gqn_rl.data.synthetic import SceneDistribution, SceneViews, render_views
from gqn_rl.errors import UserError
from gqn_rl.evaluation.metrics import predict_queries, prediction_errors
from gqn_rl.files import write_atomically
from gqn_rl.geometry.viewpoint import CAMERA_CONVENTION
from gqn_rl.rendering import Renderer, make_renderer
from gqn_rl.training.batches import (
    SyntheticBatches,
    TensorViews,
    UnrenderedBatches,
    rendered_on,
    stream,
)
from gqn_rl.training.group import Group
from gqn_rl.training.loop import ValidationResult
from gqn_rl.training.recipe import Recipe
from gqn_rl.training.statistics import rendered_examples, stored_examples
from gqn_rl.training.trainer import Trainer

EVALUATION_SCENES = 64
CONTEXT_VIEWS = 3
PICTURE_ROWS = 4
PICTURE_SCALE = 2


class Data(Protocol):
    """Batches to train on, scenes to be watched by, and what made them.

    Attributes:
        image_size: height and width in pixels.
        renderer: what a checkpoint says of the pictures, `RendererIdentity.to_dict` or alike.
        camera: the convention of the poses.
    """

    image_size: int
    renderer: dict[str, Any]
    camera: str

    @property
    def evaluate(self) -> Watch | None:
        """What watches the training; None where there are no scenes for it."""
        ...

    def stream(self, start: int, stop: int) -> Iterator[SceneViews | TensorViews]:
        """Batches number start, ..., stop - 1."""
        ...

    def examples(self) -> Iterable[SceneViews]:
        """Training scenes for the statistics of the representation."""
        ...


def open_data(
    flags: DataFlags, default_size: int, recipe: Recipe, device: torch.device, group: Group
) -> Data:
    """What the flags ask for.

    Args:
        default_size: height and width of rendered images where the flags do not say.

    Raises:
        UserError: when data on disk is unusable or is not what the flags say.
    """
    rows = group.rows(recipe.batch_size) if group.size > 1 else None
    if flags.data_path is None:
        return RenderedData(flags, default_size, recipe, device, rows)
    return StoredData(flags, flags.data_path, recipe, rows)


class RenderedData:
    """Scenes rendered on the fly; held-out shapes of the validation split watch."""

    def __init__(
        self,
        flags: DataFlags,
        default_size: int,
        recipe: Recipe,
        device: torch.device,
        rows: slice | None,
    ) -> None:
        self.image_size = flags.image_size or default_size
        self.recipe, self.device, self.workers = recipe, device, flags.workers
        self.look = flags.look()
        self.batches = SyntheticBatches(
            recipe, flags.num_cubes, flags.renderer, self.image_size, rows, self.look
        )
        self._renderer = make_renderer(flags.renderer, self.image_size, appearance=self.look)
        identity = self._renderer.identity
        self.renderer, self.camera = identity.to_dict(), CAMERA_CONVENTION
        self.draws_on_device = device.type != "cpu" and flags.renderer == "raycast"
        self.evaluate = Watch(held_out_views(self._renderer, flags.num_cubes))

    def stream(self, start: int, stop: int) -> Iterator[SceneViews | TensorViews]:
        if not self.draws_on_device:
            return stream(self.batches, start, stop, self.workers)
        unrendered = stream(UnrenderedBatches(self.batches), start, stop, self.workers)
        return rendered_on(self.device, unrendered, self.image_size, self.look)

    def examples(self) -> Iterable[SceneViews]:
        return rendered_examples(self._renderer, self.batches.distribution, seed=self.recipe.seed)


def held_out_views(renderer: Renderer, num_cubes: int) -> dict[str, SceneViews]:
    """Scenes of validation shapes by orientation, three context views and a query each."""
    rng = np.random.default_rng(seeds.PRETRAINING)
    found = {}
    for name, free in (("grid", 0.0), ("free", 1.0)):
        distribution = SceneDistribution(num_cubes, "validation", free)
        scenes = distribution.sample(rng, EVALUATION_SCENES)
        found[name] = render_views(renderer, scenes, CONTEXT_VIEWS + 1, rng)
    return found


class StoredData:
    """Scenes from disk, ours or converted ones."""

    def __init__(self, flags: DataFlags, path: Path, recipe: Recipe, rows: slice | None) -> None:
        self.recipe, self.workers, self._path = recipe, flags.workers, path
        self.batches = _shards(path, recipe, recipe.batch_size, recipe.num_views, rows)
        self.renderer = self.batches.shards[0].renderer
        self.camera = self.batches.shards[0].camera
        self.image_size = int(self.renderer["image_size"])
        self._require("image_size", flags.image_size or self.image_size, self.image_size)
        self.evaluate = self._watch(flags)

    def _watch(self, flags: DataFlags) -> Watch | None:
        """Held-out shapes drawn as the data's are, other shards, or nothing."""
        description = self.batches.description
        if isinstance(description, DataDescription):
            self._require("num_cubes", flags.num_cubes, description.num_cubes)
            if description.shapes != "train":
                raise UserError(
                    f"the data in {str(self._path)!r} has shapes={description.shapes!r}, expected "
                    "training shapes, 'train'"
                )
            renderer = make_renderer(flags.renderer, self.image_size, appearance=flags.look())
            renderer.identity.require_same_pictures(self.renderer, str(self._path))
            views = held_out_views(renderer, description.num_cubes)
            renderer.close()
            return Watch(views)
        if flags.evaluation_path is None:
            return None
        there = sum(shard.num_scenes for shard in read_headers(flags.evaluation_path))
        scenes, num_views = min(EVALUATION_SCENES, there), CONTEXT_VIEWS + 1
        other = _shards(flags.evaluation_path, self.recipe, scenes, num_views, None)
        self._require("renderer", other.shards[0].renderer, self.renderer)
        return Watch({"held_out": other[0]})

    def _require(self, name: str, received: object, expected: object) -> None:
        if received != expected:
            raise UserError(
                f"{name} is {received!r}, but the data in {str(self._path)!r} has {expected!r}"
            )

    def stream(self, start: int, stop: int) -> Iterator[SceneViews]:
        return stream(self.batches, start, stop, self.workers)

    def examples(self) -> Iterable[SceneViews]:
        return stored_examples(self._path, seed=self.recipe.seed)


def _shards(
    path: Path, recipe: Recipe, batch_size: int, num_views: int, rows: slice | None
) -> ShardBatches:
    return ShardBatches(
        path,
        None,
        batch_size=batch_size,
        num_views=num_views,
        num_batches=recipe.iterations,
        seed=recipe.seed,
        rows=rows,
    )


@dataclass(frozen=True)
class Watch:
    """Errors of the moving average on fixed held-out scenes, and some of its predictions.

    Attributes:
        views: scenes by name, `CONTEXT_VIEWS` context views and a query each.
    """

    views: dict[str, SceneViews]

    def __call__(self, trainer: Trainer) -> ValidationResult:
        numbers: dict[str, float] = {}
        rows: list[NDArray[np.uint8]] = []
        for name, views in self.views.items():
            generator = torch.Generator(trainer.model.device).manual_seed(seeds.PRETRAINING)
            predicted = predict_queries(
                trainer.average,
                views,
                CONTEXT_VIEWS,
                generator=generator,
                precision=trainer.precision,
            )
            errors = prediction_errors(predicted[0], views.images[:, -1])
            numbers |= {f"{name}_{key}": errors[key] for key in ("rmse", "mae")}
            few = zip(views.images[:PICTURE_ROWS], predicted[0], strict=False)
            rows += [_row(images, drawn) for images, drawn in few]
        return ValidationResult(numbers, np.concatenate(rows))


def _row(images: NDArray[np.uint8], predicted: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Context, truth and prediction side by side, uint8 (H, (V + 1) * W, 3)."""
    drawn = np.rint(predicted.clip(0.0, 1.0) * 255.0).astype(np.uint8)
    return np.concatenate([*images, drawn], axis=1)


def save_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write uint8 (H, W, 3), enlarged so that single pixels can be seen, as a PNG file."""
    image = Image.fromarray(picture).resize(
        (PICTURE_SCALE * picture.shape[1], PICTURE_SCALE * picture.shape[0]),
        Image.Resampling.NEAREST,
    )
    write_atomically(path, lambda temporary: image.save(temporary, format="PNG"))
