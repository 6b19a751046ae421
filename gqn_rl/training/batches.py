"""Streams of training batches: batch number k of a run is a function of its recipe and k."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gqn_rl.data.synthetic import (
    SceneDistribution,
    SceneViews,
    scene_labels,
    synthetic_batch,
    synthetic_scenes,
)
from gqn_rl.geometry.viewpoint import ENCODING_SIZE
from gqn_rl.rendering import Renderer, make_renderer
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.training.recipe import Recipe


class SyntheticBatches(Dataset[SceneViews]):
    """Batch number k of a recipe as item k, rendered where it is loaded.

    Args:
        rows: which scenes of each batch; None for all of them.
        appearance: of the objects, see `gqn_rl.rendering.appearance`.
    """

    def __init__(
        self,
        recipe: Recipe,
        num_cubes: int,
        renderer: str,
        image_size: int,
        rows: slice | None = None,
        appearance: Mapping[str, Any] | None = None,
    ) -> None:
        self.recipe = recipe
        self.distribution = SceneDistribution(num_cubes, "train", recipe.free_fraction)
        self.renderer_name, self.image_size, self.rows = renderer, image_size, rows
        self.appearance = appearance
        self._renderer: Renderer | None = None

    def __len__(self) -> int:
        return self.recipe.iterations

    def __getitem__(self, index: int) -> SceneViews:
        # Made on first use, so that every worker process has a renderer of its own.
        self._renderer = self._renderer or make_renderer(
            self.renderer_name, self.image_size, appearance=self.appearance
        )
        return synthetic_batch(
            self._renderer,
            self.distribution,
            seed=self.recipe.seed,
            index=index,
            batch_size=self.recipe.batch_size,
            num_views=self.recipe.num_views,
            rows=self.rows,
        )


@dataclass(frozen=True)
class TensorViews:
    """`SceneViews` on a device: uint8 (B, V, H, W, 3), float32 (B, V, 7), and labels by name."""

    images: Tensor
    viewpoints: Tensor
    labels: Mapping[str, Tensor] = field(default_factory=dict)


class UnrenderedBatches(Dataset[tuple[Any, ...]]):
    """The scenes of `SyntheticBatches` as the ray caster takes them, not yet drawn."""

    def __init__(self, batches: SyntheticBatches) -> None:
        self.batches = batches
        self._to_tensors = RaycastRenderer(batches.image_size).to_tensors

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        recipe = self.batches.recipe
        scenes, viewpoints = synthetic_scenes(
            self.batches.distribution,
            seed=recipe.seed,
            index=index,
            batch_size=recipe.batch_size,
            num_views=recipe.num_views,
            rows=self.batches.rows,
        )
        encoded = torch.from_numpy(viewpoints.encode()).view(-1, recipe.num_views, ENCODING_SIZE)
        labels = scene_labels(scenes[:: recipe.num_views])
        known = {name: torch.from_numpy(each) for name, each in labels.items()}
        return encoded, known, *self._to_tensors(scenes, viewpoints)


def stream(
    batches: Dataset[Any], start: int, stop: int, workers: int, **options: Any
) -> Iterator[Any]:
    """Items start, start + 1, ..., stop - 1 in this order, however many workers load them."""
    return iter(
        DataLoader(
            batches,
            batch_size=None,
            sampler=range(start, stop),
            num_workers=workers,
            **options,
        )
    )


def rendered_on(
    device: torch.device,
    unrendered: Iterable[tuple[Any, ...]],
    image_size: int,
    appearance: Mapping[str, Any] | None = None,
) -> Iterator[TensorViews]:
    """Draw the items of `UnrenderedBatches` on a device, which is where training wants them.

    Args:
        appearance: of the objects, see `gqn_rl.rendering.appearance`.
    """
    renderer = RaycastRenderer(image_size, device, appearance)

    def sent(part: Tensor) -> Tensor:
        return part.to(device, non_blocking=True)

    for viewpoints, labels, *unrendered_scenes in unrendered:
        images, _ = renderer.render_tensors(*map(sent, unrendered_scenes))
        encoded = sent(viewpoints)
        yield TensorViews(
            images.view(*encoded.shape[:2], *images.shape[1:]),
            encoded,
            {name: sent(label) for name, label in labels.items()},
        )
