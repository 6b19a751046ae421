"""Appearance of objects in pictures: colours of cubes, lines along them, background and light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError, unknown_name
from gqn_rl.rendering.base import AMBIENT, DIFFUSE, WIDEST, RendererIdentity, radians_of

COLOURS = ("random", "uniform", "grey")
BACKGROUNDS = {"black": 0, "white": 255}
"""Name to the value of all three channels."""
LOOK = "flat-v1"
"""What identities call the look that all data sets and weights before had."""
LIGHT, DARK = 1.0, 0.78
"""Of grey cubes, every other one, where drawings have lines."""


@dataclass(frozen=True)
class Appearance:
    """How renderers show objects; DeepMind's look unless told otherwise.

    All of it is part of a renderer's identity: weights and data of one appearance are refused
    where pictures have another.

    >>> drawing = Appearance(colours="uniform", edges=True, background="white")
    >>> drawing.look
    'flat-v1+uniform+edges+white'
    >>> from gqn_rl.rendering import make_renderer
    >>> from gqn_rl.geometry.viewpoint import sample_on_sphere
    >>> from gqn_rl.scenes.scene import sample_scenes
    >>> rng = np.random.default_rng(0)
    >>> renderer = make_renderer("raycast", appearance=drawing)
    >>> image = renderer.render(sample_scenes(rng, 1), sample_on_sphere(rng, 1))[0]
    >>> image[0, 0], bool((image == 0).all(axis=-1).any())
    (array([255, 255, 255], dtype=uint8), True)

    Attributes:
        colours: of cubes: "random", as the scene has them; "uniform", all white; "grey", light and
            dark in turn along the chain.
        edges: whether the borders of faces and cubes that are seen are black lines, one pixel wide.
        background: "black" or "white".
        ambient, diffuse: a face has its colour times ambient + diffuse * max(0, n . l), within
            [0, 1].
    """

    colours: str = "random"
    edges: bool = False
    background: str = "black"
    ambient: float = AMBIENT
    diffuse: float = DIFFUSE

    def __post_init__(self) -> None:
        if self.colours not in COLOURS:
            raise unknown_name("colours", self.colours, COLOURS)
        if self.background not in BACKGROUNDS:
            raise unknown_name("background", self.background, BACKGROUNDS)
        if not isinstance(self.edges, bool | np.bool_):
            raise UserError(f"edges is {self.edges!r}, expected true or false")
        for name in ("ambient", "diffuse"):
            value = getattr(self, name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not 0.0 <= value <= 1.0:
                raise UserError(f"{name} is {value!r}, expected 0 to 1")
            object.__setattr__(self, name, float(value))

    @staticmethod
    def of(value: Appearance | Mapping[str, Any] | None) -> Appearance:
        """An appearance as it is, from its attributes by name, or the default one.

        Raises:
            UserError: for an attribute that there is not, or a value of one.
        """
        if value is None or isinstance(value, Appearance):
            return value or Appearance()
        known = [item.name for item in fields(Appearance)]
        if not isinstance(value, Mapping):
            raise UserError(f"appearance is {value!r}, expected any of {known} with a value each")
        for name in value:
            if name not in known:
                raise unknown_name("part of the appearance", name, known)
        return Appearance(**value)

    @property
    def look(self) -> str:
        """What the identity calls it; the light has places of its own there."""
        default = Appearance()
        words = [LOOK]
        words += [self.colours] if self.colours != default.colours else []
        words += ["edges"] if self.edges else []
        words += [self.background] if self.background != default.background else []
        return "+".join(words)

    @property
    def is_finished(self) -> bool:
        """Whether shaded cubes on black are all there is to draw."""
        return not self.edges and self.background == "black"

    def identity(
        self, name: str, version: str, image_size: int, field_of_view: float = WIDEST
    ) -> RendererIdentity:
        """The identity of a renderer that draws so, with a field of view in degrees."""
        return RendererIdentity(
            name=name,
            version=version,
            image_size=image_size,
            look=self.look,
            field_of_view=radians_of(field_of_view),
            ambient=self.ambient,
            diffuse=self.diffuse,
        )

    def cube_colours(self, num_cubes: int) -> NDArray[np.float32] | None:
        """The colours of the cubes of every object, float32 (P, 3); None for those it has."""
        if self.colours == "random":
            return None
        shades = np.ones(num_cubes, np.float32)
        if self.colours == "grey":
            shades = np.where(np.arange(num_cubes) % 2, DARK, LIGHT).astype(np.float32)
        return np.repeat(shades[:, None], 3, axis=1)
