"""How well views are predicted: always samples from the prior path, never the posterior.

Errors are on the 0-255 scale of the images, the scale of published GQN results; MSE is in [0, 1]
units.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gqn_rl.data.synthetic import SceneViews
from gqn_rl.devices import autocast
from gqn_rl.gqn.evidence import Evidence
from gqn_rl.gqn.model import GenerativeQueryNetwork, sample
from gqn_rl.view import to_float


@torch.no_grad()
def predict_queries(
    model: GenerativeQueryNetwork,
    views: SceneViews,
    context_size: int,
    *,
    generator: torch.Generator,
    num_samples: int = 1,
    precision: str = "auto",
    scenes_per_chunk: int = 32,
) -> NDArray[np.float32]:
    """Predictions of the last view of each scene from its first `context_size` views.

    Returns:
        float32 (num_samples, B, H, W, 3) in [0, 1].
    """
    if not 1 <= context_size < views.images.shape[1]:
        raise ValueError(
            f"context_size is {context_size}, expected 1 to {views.images.shape[1] - 1}"
        )
    out = []
    for images, viewpoints in _chunks(model, views, scenes_per_chunk):
        with autocast(model.device, precision):
            r = _representation(model, images[:, :context_size], viewpoints[:, :context_size])
            scenes = [
                model.imagine(r, sample(model.prior(r), generator)) for _ in range(num_samples)
            ]
        drawn = [model.draw_images(scene, viewpoints[:, -1]) for scene in scenes]
        out.append(torch.stack(drawn).movedim(2, -1).cpu().numpy())
    return np.concatenate(out, axis=1)


@torch.no_grad()
def representations(
    model: GenerativeQueryNetwork,
    views: SceneViews,
    *,
    precision: str = "auto",
    scenes_per_chunk: int = 64,
) -> NDArray[np.float32]:
    """Representation of each scene from all of its views, not standardised; float32 (B, F)."""
    out = []
    for images, viewpoints in _chunks(model, views, scenes_per_chunk):
        with autocast(model.device, precision):
            out.append(_representation(model, images, viewpoints).cpu().numpy())
    return np.concatenate(out)


def prediction_errors(
    prediction: NDArray[np.floating], truth: NDArray[np.uint8]
) -> dict[str, float]:
    """Errors of images (B, H, W, 3): predictions in [0, 1] against uint8 truth.

    Returns:
        mse in [0, 1] units; mae and rmse on the 0-255 scale; psnr and foreground_psnr (over the
        pixels where the truth shows the object) in dB.
    """
    target = truth.astype(np.float64) / 255.0
    error = np.clip(prediction, 0.0, 1.0).astype(np.float64) - target
    squared = np.square(error)
    foreground = truth.max(axis=-1) > 0
    mse = float(squared.mean())
    return {
        "mse": mse,
        "mae": 255.0 * float(np.abs(error).mean()),
        "rmse": 255.0 * math.sqrt(mse),
        "psnr": _psnr(mse),
        "foreground_psnr": _psnr(float(squared[foreground].mean())),
    }


def baseline_errors(views: SceneViews, context_size: int) -> dict[str, dict[str, float]]:
    """Errors of predictions that need no model.

    Returns:
        for black (all background), mean_image (over the truths themselves, the best constant)
        and nearest_view (the context view taken from closest to the query).
    """
    truth = views.images[:, -1]
    mean = np.broadcast_to(truth.astype(np.float64).mean(axis=0) / 255.0, truth.shape)
    position = views.viewpoints[:, :, :3]
    distance = np.linalg.norm(position[:, :context_size] - position[:, -1:], axis=-1)
    nearest = views.images[np.arange(len(views)), distance.argmin(axis=1)] / 255.0
    return {
        "black": prediction_errors(np.zeros(truth.shape), truth),
        "mean_image": prediction_errors(mean, truth),
        "nearest_view": prediction_errors(nearest, truth),
    }


def _psnr(mse: float) -> float:
    return -10.0 * math.log10(max(mse, 1e-12))


def _representation(model: GenerativeQueryNetwork, images: Tensor, viewpoints: Tensor) -> Tensor:
    each: Evidence = model.look(images.flatten(0, 1), viewpoints.flatten(0, 1))
    everything = torch.ones(images.shape[:2], dtype=torch.bool, device=images.device)
    return model.representation(each.sum_views(everything))


def _chunks(
    model: GenerativeQueryNetwork, views: SceneViews, size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Images float (b, V, 3, H, W) and poses (b, V, 7) on the model's device."""
    for start in range(0, len(views), size):
        part = slice(start, start + size)
        yield (
            to_float(torch.from_numpy(views.images[part]).to(model.device)),
            torch.from_numpy(views.viewpoints[part]).to(model.device),
        )
