"""Estimates that a GQN makes of an object after some views of it.

An estimate is a value: looking makes a new one and leaves the old one as it was. All samples are of
the prior path, and their noise depends on the seed alone, so that a scene imagined after k views
stays the same wherever it is looked at from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from envs.tasks.mental_rotation import CUE_VIEWS
from experiments.explorer.scenes import Image, Shown, Studio
from gqn_rl.devices import autocast
from gqn_rl.geometry.view import to_float
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.gqn.checkpoint import load_checkpoint, pretrained_path
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.gqn.view_aggregate import ViewAggregate

SAMPLES = 6
"""Scenes that are imagined side by side."""
CHECKS = CUE_VIEWS
"""Where uncertainty is followed from view to view: the corners of a tetrahedron."""
STRIDE = 4
"""Of the pixels there every fourth of every fourth row is drawn: it is done at every look."""
MOST_VIEWS = 12
"""As many as the environments allow."""


class CurvePoint(NamedTuple):
    """How sure and how right the GQN is after some views.

    Attributes:
        views: how many.
        spread: root of the mean variance between samples, 0-255.
        error: RMSE of single samples against the truth, 0-255.
    """

    views: int
    spread: float
    error: float


@dataclass(frozen=True)
class SceneEstimate:
    """Attributes:
    images: the views so far, uint8 (H, W, 3) each.
    viewpoints: their poses, one each.
    aggregate: what they say, one row.
    imagined: `SAMPLES` scenes that they allow, for `GenerativeQueryNetwork.draw_images`.
    curve: one point for each number of views from 1.
    """

    images: tuple[Image, ...]
    viewpoints: tuple[Viewpoints, ...]
    aggregate: ViewAggregate
    imagined: Any
    curve: tuple[CurvePoint, ...]


class Prediction(NamedTuple):
    """A GQN's idea of one view.

    Attributes:
        sample: the first sample, float32 (H, W, 3) in [0, 1].
        spread: standard deviation over the samples, root mean square of the three colours,
            float64 (H, W), 0-255.
        truth: uint8 (H, W, 3).
    """

    sample: NDArray[np.float32]
    spread: NDArray[np.float64]
    truth: Image

    @property
    def difference(self) -> NDArray[np.float64]:
        """Root mean square over the colours of sample minus truth, float64 (H, W), 0-255."""
        error = 255.0 * self.sample.astype(np.float64) - self.truth
        root: NDArray[np.float64] = np.sqrt(np.square(error).mean(axis=-1))
        return root

    @property
    def error(self) -> float:
        """RMSE of the sample, 0-255."""
        return _root_mean_square(self.difference)

    @property
    def mean_spread(self) -> float:
        """Root of the mean variance between samples, 0-255."""
        return _root_mean_square(self.spread)

    @property
    def sample_image(self) -> Image:
        """The sample as uint8 (H, W, 3)."""
        return np.rint(255.0 * self.sample).astype(np.uint8)


class Estimator:
    """One GQN with the noise of its samples.

    Args:
        name: of shipped weights, or a path.
        seed: of the noise.

    Raises:
        UserError: for weights that cannot be loaded, or of a GQN trained on other pictures than
            the studio takes.
    """

    def __init__(self, name: str, studio: Studio, seed: int) -> None:
        path = pretrained_path(name)
        self.model: GenerativeQueryNetwork
        self.model, sidecar = load_checkpoint(path)
        studio.identity.require_same_pictures(sidecar["renderer"], f"{path}")
        self.name, self.weights_hash = name, str(sidecar["sha256"])
        self._studio = studio
        self._noise = self.model.noise(SAMPLES, torch.Generator().manual_seed(seed))

    @torch.inference_mode()
    def nothing_seen(self) -> SceneEstimate:
        """Before the first view, which is something that no GQN here was trained for."""
        aggregate = self.model.nothing_seen(1)
        return SceneEstimate((), (), aggregate, self._imagined(aggregate), ())

    @torch.inference_mode()
    def look(self, estimate: SceneEstimate, shown: Shown, viewpoint: Viewpoints) -> SceneEstimate:
        """After one more view."""
        image = self._studio.photograph(shown.scenes(), viewpoint)
        poses = torch.from_numpy(viewpoint.encode())
        with autocast(self.model.device, "auto"):
            seen = self.model.encode_view(to_float(torch.from_numpy(image)), poses)
        aggregate = estimate.aggregate.plus(seen)
        imagined = self._imagined(aggregate)
        images = (*estimate.images, image[0])
        point = self._measured(self._draw_checks(imagined), len(images), shown)
        return SceneEstimate(
            images, (*estimate.viewpoints, viewpoint), aggregate, imagined, (*estimate.curve, point)
        )

    def review(self, estimate: SceneEstimate, shown: Shown) -> SceneEstimate:
        """What this GQN believes after the same views as another."""
        own = self.nothing_seen()
        for viewpoint in estimate.viewpoints:
            own = self.look(own, shown, viewpoint)
        return own

    @torch.inference_mode()
    def predict(self, estimate: SceneEstimate, shown: Shown, viewpoint: Viewpoints) -> Prediction:
        """The view from a pose, as imagined and as it is."""
        poses = torch.from_numpy(viewpoint.encode()).expand(SAMPLES, -1)
        with autocast(self.model.device, "auto"):
            drawn = self.model.draw_images(estimate.imagined, poses)
        samples = drawn.float().clamp(0.0, 1.0).movedim(1, -1).numpy()
        spread = 255.0 * np.sqrt(samples.astype(np.float64).var(axis=0, ddof=1).mean(axis=-1))
        return Prediction(samples[0], spread, self._studio.photograph(shown.scenes(), viewpoint)[0])

    @torch.inference_mode()
    def representation(self, estimate: SceneEstimate) -> NDArray[np.float32]:
        """float32 (F,), standardised."""
        with autocast(self.model.device, "auto"):
            r = self.model.standardise(self.model.representation(estimate.aggregate))
        found: NDArray[np.float32] = r[0].float().numpy()
        return found

    def _imagined(self, aggregate: ViewAggregate) -> Any:
        """`SAMPLES` scenes that the aggregate allows."""
        with autocast(self.model.device, "auto"):
            r = self.model.representation(aggregate)
            return self.model.imagine(r.expand(SAMPLES, -1), self._noise)

    def _draw_checks(self, imagined: Any) -> NDArray[np.float64]:
        """Some pixels of every sample from every check, float64 (S, checks, pixels, 3), 0-255."""
        drawn = [
            self.model.draw_thinned(imagined, pose.expand(SAMPLES, -1), STRIDE)
            for pose in torch.from_numpy(CHECKS.encode())
        ]
        colours = torch.stack(drawn, 1).flatten(-2).mT
        return 255.0 * colours.float().clamp(0.0, 1.0).double().numpy()

    def _measured(self, drawn: NDArray[np.float64], views: int, shown: Shown) -> CurvePoint:
        truth = self._studio.photograph(shown.scenes(len(CHECKS)), CHECKS)
        pixels = truth[:, ::STRIDE, ::STRIDE].reshape(len(CHECKS), -1, 3).astype(np.float64)
        spread = float(np.sqrt(drawn.var(axis=0, ddof=1).mean()))
        return CurvePoint(views, spread, _root_mean_square(drawn - pixels))


def _root_mean_square(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.square(values).mean()))
