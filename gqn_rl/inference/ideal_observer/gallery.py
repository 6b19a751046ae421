"""The ideal observer of a gallery: which of some shapes an object is."""

from __future__ import annotations

from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer.noisy import NoisyPosterior
from gqn_rl.inference.ideal_observer.observer import IdealObserver
from gqn_rl.inference.ideal_observer.posterior import Posterior
from gqn_rl.rendering.base import WIDEST
from gqn_rl.scenes.scene import CENTRED
from gqn_rl.scenes.shape_catalogue import MAX_ENUMERATED, shape_catalogue
from gqn_rl.scenes.shape_pool import ShapePool

AnyPosterior: TypeAlias = Posterior | NoisyPosterior


class GalleryObserver:
    """Knows that every object is one of the shapes of a gallery, all alike likely.

    >>> from gqn_rl.data.synthetic import render_views
    >>> from gqn_rl.rendering import make_renderer
    >>> from gqn_rl.scenes.scene import SceneBatch, sample_colours
    >>> from gqn_rl.scenes.shape_source import shape_source
    >>> rng, gallery = np.random.default_rng(0), shape_source(10, "train").pool().first(5)
    >>> cubes, there = gallery.centred()[3:4], np.ones((1, 10), bool)
    >>> one = SceneBatch(cubes, there, np.eye(3)[None], sample_colours(rng, 1, 10))
    >>> views = render_views(make_renderer("raycast"), one, 1, rng)
    >>> observer = GalleryObserver(gallery)
    >>> observer.answers(observer.observe(views.images[0], views.viewpoints[0])).round(3)
    array([0., 0., 0., 1., 0.])

    Args:
        gallery: the shapes, of any number of cubes.
        orientation, position, field_of_view: see `IdealObserver`.
        pixel_noise: standard deviation of Gaussian noise on the views, in levels, see
            `gqn_rl.inference.ideal_observer.noisy`.

    Raises:
        UserError: for what does not go together, see `knows`.
    """

    def __init__(
        self,
        gallery: ShapePool,
        orientation: str = "grid",
        position: str = CENTRED,
        field_of_view: float = WIDEST,
        pixel_noise: float = 0.0,
    ) -> None:
        self._gallery, self._noise = gallery, pixel_noise
        self._where = (orientation, position, field_of_view)

    @staticmethod
    def knows(
        orientation: str, position: str, field_of_view: float, pixel_noise: float = 0.0
    ) -> bool:
        """Whether it can be of such objects: those of the grid may stand anywhere, or be seen in
        part and with noise; the others do neither."""
        if position != CENTRED:
            return orientation == "grid" and field_of_view == WIDEST and not pixel_noise
        return orientation == "grid" or (field_of_view == WIDEST and not pixel_noise)

    @cached_property
    def _is_listed(self) -> bool:
        """Whether shapes are numbers of the catalogue of all there are."""
        return self._gallery.cubes.shape[1] <= MAX_ENUMERATED

    @cached_property
    def _observer(self) -> IdealObserver:
        orientation, position, angle = self._where
        num_cubes = self._gallery.cubes.shape[1]
        if not self._is_listed:
            shapes = self._gallery.cubes
            return IdealObserver(num_cubes, orientation, None, position, angle, shapes)
        prior = np.zeros(shape_catalogue(num_cubes).num_shapes)
        prior[self._gallery.numbers] = 1.0
        return IdealObserver(num_cubes, orientation, prior, position, angle)

    def observe(
        self, images: NDArray[np.uint8], viewpoints: Viewpoints | NDArray[np.floating]
    ) -> AnyPosterior:
        """See `IdealObserver.observe`."""
        if not self._noise:
            return self._observer.observe(images, viewpoints)
        known, size = self._observer, np.shape(images)[1]
        prior = NoisyPosterior.of(known.candidates, size, self._noise, known.field_of_view)
        return prior.update(images, viewpoints)

    def answers(self, posterior: AnyPosterior) -> NDArray[np.float64]:
        """Probability of each shape of the gallery, float64 (K,)."""
        if not self._is_listed:
            return posterior.shares(len(self._gallery))
        every = shape_catalogue(self._gallery.cubes.shape[1]).num_shapes
        return posterior.shares(every)[self._gallery.numbers]
