"""Curve of prediction over the number of context views.

The same scenes and the same query serve every number of views. Predictions are samples from the
prior path; the posterior only enters the KL divergence, which says how much the query view would
still have told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gqn_rl.data.synthetic import SceneViews
from gqn_rl.devices import autocast
from gqn_rl.evaluation.metrics import (
    ImageErrors,
    image_errors,
    sparsification_error,
    summarise_errors,
    tensor_chunks,
)
from gqn_rl.evaluation.uncertainty import spread_against_error
from gqn_rl.geometry.view import Context
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.gqn.view_aggregate import ViewAggregate

SCENES_PER_CHUNK = 16
SEED_STRIDE = 1_000
"""Above any number of views, so that each number of views has random numbers of its own."""


@dataclass(frozen=True)
class PredictedQueries:
    """Predictions of B query views from one number of context views.

    >>> from gqn_rl.data.synthetic import SceneDistribution, render_views
    >>> from gqn_rl.rendering import make_renderer
    >>> rng = np.random.default_rng(1)
    >>> scenes = SceneDistribution(shapes="test").sample(rng, 4)
    >>> views = render_views(make_renderer("raycast", 64), scenes, 6, rng)
    >>> model = GenerativeQueryNetwork.from_pretrained("small")
    >>> predicted = predict_by_views(model, views, {1: 2, 5: 2}, seed=0, precision="fp32")
    >>> {count: round(found.summary()["rmse"]) for count, found in predicted.items()}  # of 255
    {1: 25, 5: 14}

    Attributes:
        num_samples: S, prior-path samples of each query.
        errors: of single samples, averaged over the S samples of a query.
        mean_errors: of the mean of the S samples.
        variance: float64 (B,), unbiased variance between samples, mean over the image.
        kl: float64 (B,), KL(posterior || prior) in nats; the posterior has seen the query too.
        kept: float32 (S, K, H, W, 3), the samples of the first K queries.
    """

    num_samples: int
    errors: ImageErrors
    mean_errors: ImageErrors
    variance: NDArray[np.float64]
    kl: NDArray[np.float64]
    kept: NDArray[np.float32]

    def summary(self) -> dict[str, Any]:
        """Plain numbers: errors of single samples with the standard error of their MSE, `kl` in
        nats, and with two samples or more `sample_std` (0-255, the root of the mean variance
        between samples), `ause`, the `sparsification_error` of that variance, and the errors of
        the mean of the samples."""
        numbers: dict[str, Any] = dict(summarise_errors(self.errors))
        count = len(self.kl)
        numbers["mse_standard_error"] = float(self.errors.squared.std(ddof=1) / np.sqrt(count))
        numbers["kl"] = float(self.kl.mean())
        numbers["samples"] = self.num_samples
        if self.num_samples > 1:
            numbers["sample_std"] = 255.0 * float(np.sqrt(self.variance.mean()))
            numbers["ause"] = sparsification_error(self.mean_errors.squared, self.variance)
            numbers["mean_of_samples"] = summarise_errors(self.mean_errors)
        return numbers

    def uncertainty(self) -> dict[str, Any]:
        """`spread_against_error` of the samples; nothing of a single one."""
        if self.num_samples < 2:
            return {}
        return spread_against_error(self.mean_errors.squared, self.variance, self.num_samples)


@torch.no_grad()
def predict_by_views(
    model: GenerativeQueryNetwork,
    views: SceneViews,
    num_samples: Mapping[int, int],
    *,
    seed: int,
    steps: int | None = 0,
    precision: str = "auto",
    keep: int = 0,
    on_scenes: Callable[[int], object] | None = None,
) -> dict[int, PredictedQueries]:
    """Predict the last view of each scene from its first view, first two views, ...

    Args:
        num_samples: number of context views to number of prior-path samples.
        steps: of refinement, see `GenerativeQueryNetwork.infer`; 0 for the prior path.
        seed: of the latents; each number of views has its own, whatever else is asked for.
        keep: samples of the first `keep` scenes are returned.
        on_scenes: called with the number of scenes done, for progress bars.

    Returns:
        one `PredictedQueries` per number of context views.
    """
    most = views.images.shape[1] - 1
    for count in num_samples:
        if not 1 <= count <= most:
            raise ValueError(f"{count} context views, expected 1 to {most}")
    generators = {
        count: torch.Generator(model.device).manual_seed(seed * SEED_STRIDE + count)
        for count in num_samples
    }
    parts: dict[int, list[PredictedQueries]] = {count: [] for count in num_samples}
    done = 0
    for images, poses in tensor_chunks(model, views, SCENES_PER_CHUNK):
        truth = views.images[done : done + len(images), -1]
        with autocast(model.device, precision):
            each = model.encode_views(images, poses)
        for count, number in num_samples.items():
            with autocast(model.device, precision):
                drawn, kl = _sample_queries(
                    model, each, images, poses, count, number, generators[count], steps
                )
            parts[count].append(_measure(drawn, truth, kl, max(0, keep - done)))
        done += len(truth)
        if on_scenes is not None:
            on_scenes(len(truth))
    return {count: _concatenate(found) for count, found in parts.items()}


def _sample_queries(
    model: GenerativeQueryNetwork,
    each: ViewAggregate,
    images: Tensor,
    poses: Tensor,
    count: int,
    num_samples: int,
    generator: torch.Generator,
    steps: int | None,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Samples float32 (S, B, H, W, 3) in [0, 1] and KL (B,) of one number of context views.

    Args:
        each: aggregate of B * V views.
        images, poses: of all views, float (B, V, 3, H, W) and (B, V, 7); the last is the query.
    """
    seen = torch.arange(poses.shape[1], device=poses.device) < count
    aggregate = each.sum_views(seen.expand(poses.shape[:2]))
    posterior = model.infer(Context(images[:, :count], poses[:, :count]), steps, aggregate)
    kl = model.kl(aggregate, images[:, -1], poses[:, -1])
    drawn = model.sample_views(posterior, poses[:, -1], num_samples, generator).float()
    return drawn.clamp(0.0, 1.0).movedim(2, -1).cpu().numpy(), kl.double().cpu().numpy()


def _measure(
    drawn: NDArray[np.float32], truth: NDArray[np.uint8], kl: NDArray[np.float64], keep: int
) -> PredictedQueries:
    each = [image_errors(images, truth) for images in drawn]
    variance = np.zeros(len(truth))
    if len(drawn) > 1:
        variance = drawn.astype(np.float64).var(axis=0, ddof=1).mean(axis=(1, 2, 3))
    return PredictedQueries(
        num_samples=len(drawn),
        errors=ImageErrors(*(np.mean(values, axis=0) for values in zip(*each, strict=True))),
        mean_errors=image_errors(drawn.mean(axis=0), truth),
        variance=variance,
        kl=kl,
        kept=drawn[:, :keep].copy(),
    )


def _concatenate(parts: list[PredictedQueries]) -> PredictedQueries:
    def joined(errors: list[ImageErrors]) -> ImageErrors:
        return ImageErrors(*(np.concatenate(values) for values in zip(*errors, strict=True)))

    return PredictedQueries(
        num_samples=parts[0].num_samples,
        errors=joined([part.errors for part in parts]),
        mean_errors=joined([part.mean_errors for part in parts]),
        variance=np.concatenate([part.variance for part in parts]),
        kl=np.concatenate([part.kl for part in parts]),
        kept=np.concatenate([part.kept for part in parts], axis=1),
    )
