"""Errors of predicted views: always samples of what the context says, never of the query.

Errors are on the 0-255 scale of the images, the scale of published GQN results; MSE is in [0, 1]
units.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gqn_rl.data.synthetic import SceneViews
from gqn_rl.devices import autocast
from gqn_rl.geometry.view import Context, to_float
from gqn_rl.gqn.model import GenerativeQueryNetwork


@torch.no_grad()
def predict_queries(
    model: GenerativeQueryNetwork,
    views: SceneViews,
    context_size: int,
    *,
    generator: torch.Generator,
    num_samples: int = 1,
    steps: int | None = 0,
    precision: str = "auto",
    scenes_per_chunk: int = 32,
) -> NDArray[np.float32]:
    """Predictions of the last view of each scene from its first `context_size` views.

    Args:
        steps: of refinement, see `GenerativeQueryNetwork.infer`; 0 for the prior path.

    Returns:
        float32 (num_samples, B, H, W, 3) in [0, 1].
    """
    if not 1 <= context_size < views.images.shape[1]:
        raise ValueError(
            f"context_size is {context_size}, expected 1 to {views.images.shape[1] - 1}"
        )
    out = []
    for images, viewpoints in tensor_chunks(model, views, scenes_per_chunk):
        with autocast(model.device, precision):
            context = Context(images[:, :context_size], viewpoints[:, :context_size])
            posterior = model.infer(context, steps)
            drawn = model.sample_views(posterior, viewpoints[:, -1], num_samples, generator)
        out.append(drawn.float().movedim(2, -1).cpu().numpy())
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
    for images, viewpoints in tensor_chunks(model, views, scenes_per_chunk):
        with autocast(model.device, precision):
            out.append(model.represent(images, viewpoints).cpu().numpy())
    return np.concatenate(out)


class ImageErrors(NamedTuple):
    """Errors of each of B images, float64 (B,), in [0, 1] units.

    >>> truth = np.full((1, 64, 64, 3), 51, np.uint8)
    >>> errors = image_errors(np.zeros(truth.shape), truth)
    >>> errors.absolute, errors.squared
    (array([0.2]), array([0.04]))
    >>> round(summarise_errors(errors)["rmse"])  # of 255
    51

    Attributes:
        squared, absolute: means over the image.
        foreground: sum of squared errors over the pixels where the truth shows the object.
        foreground_values: how many numbers that sum has.
    """

    squared: NDArray[np.float64]
    absolute: NDArray[np.float64]
    foreground: NDArray[np.float64]
    foreground_values: NDArray[np.float64]


def image_errors(prediction: NDArray[np.floating], truth: NDArray[np.uint8]) -> ImageErrors:
    """Errors of images (B, H, W, 3): predictions in [0, 1] against uint8 truth."""
    target = truth.astype(np.float64) / 255.0
    error = np.clip(prediction, 0.0, 1.0).astype(np.float64) - target
    squared = np.square(error)
    foreground = truth.max(axis=-1) > 0
    return ImageErrors(
        squared.mean(axis=(1, 2, 3)),
        np.abs(error).mean(axis=(1, 2, 3)),
        (squared.sum(axis=-1) * foreground).sum(axis=(1, 2)),
        3.0 * foreground.sum(axis=(1, 2)),
    )


def summarise_errors(errors: ImageErrors) -> dict[str, float]:
    """Errors over all images.

    Returns:
        mse in [0, 1] units; mae and rmse on the 0-255 scale; image_rmse, the mean over images of
        each image's own RMSE, which is what Kulhanek et al. (ViewFormer, ECCV 2022) publish as
        RMSE and is never above rmse; psnr and foreground_psnr (over the pixels where the truth
        shows the object) in dB, of the errors pooled over all pixels; image_psnr, the mean over
        images of each image's own PSNR, which is what most others publish and is never below psnr.
    """
    mse = float(errors.squared.mean())
    foreground_mse = errors.foreground.sum() / errors.foreground_values.sum()
    return {
        "mse": mse,
        "mae": 255.0 * float(errors.absolute.mean()),
        "rmse": 255.0 * math.sqrt(mse),
        "image_rmse": 255.0 * float(np.sqrt(errors.squared).mean()),
        "psnr": _psnr(mse),
        "image_psnr": float(np.mean([_psnr(float(squared)) for squared in errors.squared])),
        "foreground_psnr": _psnr(float(foreground_mse)),
    }


def sparsification_error(squared: NDArray[np.floating], variance: NDArray[np.floating]) -> float:
    """Area under the sparsification error of B predictions, in units of their RMSE.

    Predictions are left out one after the other, those of the largest variance first, and the RMSE
    of the others is compared with what it is if those of the largest error go first (Ilg et al.,
    ECCV 2018): 0 where variance orders predictions as their errors do.

    Args:
        squared, variance: (B,), mean squared error and variance of each prediction.
    """

    by_variance, by_error = sparsification_curves(squared, variance)
    return float((by_variance - by_error).mean() / max(by_error[0], 1e-12))


def sparsification_curves(
    squared: NDArray[np.floating], variance: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """RMSE of what is left of B predictions after 0, 1, ... B - 1 are left out, both (B,).

    Returns:
        for those of the largest variance going first, and for those of the largest error.
    """

    def curve(order: NDArray[np.integer]) -> NDArray[np.floating]:
        rest = squared[order][::-1].cumsum()[::-1] / np.arange(len(order), 0, -1)
        out: NDArray[np.floating] = np.sqrt(rest)
        return out

    orders = (np.argsort(-key, kind="stable") for key in (variance, squared))
    by_variance, by_error = (curve(order) for order in orders)
    return by_variance, by_error


def prediction_errors(
    prediction: NDArray[np.floating], truth: NDArray[np.uint8]
) -> dict[str, float]:
    """`summarise_errors` of predictions (B, H, W, 3) in [0, 1] against uint8 truth."""
    return summarise_errors(image_errors(prediction, truth))


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


def tensor_chunks(
    model: GenerativeQueryNetwork, views: SceneViews, size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Images float (b, V, 3, H, W) and poses (b, V, 7) on the model's device."""
    for start in range(0, len(views), size):
        part = slice(start, start + size)
        yield (
            to_float(torch.from_numpy(views.images[part]).to(model.device)),
            torch.from_numpy(views.viewpoints[part]).to(model.device),
        )
