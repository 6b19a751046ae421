"""Interface of renderers, the identity of what they draw, and the table of them.

Adding one is a new file and a line in `RENDERERS`; outside the package, `module:class` is its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gqn_rl.entry_points import find, is_entry_point
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.geometry.viewpoint import FIELD_OF_VIEW, Viewpoints
from gqn_rl.scenes.scene import SceneBatch

LIGHT_DIRECTION = (0.42, 0.27, 0.87)
"""Points from the objects to the light, world axes; normalised where it is used. Oblique, so that
the three lit directions of a grid-oriented cube differ in brightness."""
AMBIENT, DIFFUSE = 0.6, 0.35
NEAR, FAR = 1.0, 30.0
"""Clipping planes, depths in cube edges, of renderers that have such."""
NEAREST, FARTHEST = 2.1, 29.0
"""Distances from a camera to the centre of a cube, in cube edges, within which no clipping plane
can cut what is seen of the cube, in the corners of the picture either."""


NARROWEST, WIDEST = 1.0, float(np.rad2deg(FIELD_OF_VIEW))
"""Fields of view in degrees; in the corners of wider ones clipping planes cut, see `NEAREST`."""


@dataclass(frozen=True)
class RendererIdentity:
    """What the pixels of a renderer depend on.

    It is stored with every data set and checkpoint. Two identities with the same `look` draw the
    same picture, whatever code draws it: the PyBullet and the raycast renderer share one.

    >>> mine = RendererIdentity(name="raycast", version="1", image_size=32)
    >>> theirs = RendererIdentity(name="pybullet", version="201708270", image_size=64)
    >>> mine.require_same_pictures(theirs.to_dict(), source="gqn.safetensors")
    Traceback (most recent call last):
        ...
    gqn_rl.errors.UserError: gqn.safetensors was made with image_size=64, but the renderer has
    image_size=32

    Attributes:
        name: the entry in `RENDERERS`, or `module:class`.
        version: of the code or library that draws.
        look: the appearance both renderers implement, "flat-v1" for flat shading and a black
            background; see `gqn_rl.rendering.appearance`.
        image_size: height and width in pixels.
        field_of_view: opening angle in radians; what renderers are told is in degrees.
        ambient, diffuse: a face has its colour times ambient + diffuse * max(0, n . l).
        light_direction: l before normalisation.
    """

    name: str
    version: str
    image_size: int
    look: str = "flat-v1"
    field_of_view: float = float(FIELD_OF_VIEW)
    ambient: float = AMBIENT
    diffuse: float = DIFFUSE
    light_direction: tuple[float, float, float] = LIGHT_DIRECTION

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"light_direction": list(self.light_direction)}

    def require_same_pictures(self, other: dict[str, Any], source: str) -> None:
        """Refuse data or weights whose pictures differ from this renderer's.

        Args:
            other: an identity as stored by `to_dict`.
            source: what `other` belongs to, for the message.

        Raises:
            UserError: naming the first property that differs and both values.
        """
        mine = self.to_dict()
        for key in mine:
            if key in ("name", "version"):
                continue
            if other.get(key) != mine[key]:
                raise UserError(
                    f"{source} was made with {key}={other.get(key)!r}, "
                    f"but the renderer has {key}={mine[key]!r}"
                )


class Renderer(Protocol):
    """Draws scenes. Deterministic: the same arguments give the same pixels.

    >>> class BlankRenderer:
    ...     identity = RendererIdentity("blank:BlankRenderer", "1", image_size=8, look="blank-v1")
    ...
    ...     def render(self, scenes, viewpoints):
    ...         return np.zeros((len(scenes), 8, 8, 3), np.uint8)
    ...
    ...     def close(self):
    ...         pass
    >>> from gqn_rl.data.synthetic import SceneDistribution, render_views
    >>> rng = np.random.default_rng(0)
    >>> render_views(BlankRenderer(), SceneDistribution().sample(rng, 2), 3, rng).images.shape
    (2, 3, 8, 8, 3)
    """

    @property
    def identity(self) -> RendererIdentity: ...

    def render(self, scenes: SceneBatch, viewpoints: Viewpoints) -> NDArray[np.uint8]:
        """One image per scene and viewpoint, uint8 (N, H, W, 3)."""
        ...

    def close(self) -> None:
        """Free what the renderer holds; more than once does no harm."""
        ...


class Drawn(NamedTuple):
    """k images, as far as there are any.

    >>> from gqn_rl.geometry.viewpoint import sample_on_sphere
    >>> from gqn_rl.scenes.scene import sample_scenes
    >>> rng = np.random.default_rng(0)
    >>> scenes, viewpoints = sample_scenes(rng, 4), sample_on_sphere(rng, 4)
    >>> for drawn in render_portions(single_renderer("raycast", 16), scenes, viewpoints, [3, 1]):
    ...     print(drawn.images.shape, drawn.lost)
    (3, 16, 16, 3) [False False False]
    (1, 16, 16, 3) [False]

    Attributes:
        images: uint8 (k, H, W, 3), black where lost.
        lost: bool (k,), which images a killed worker has not drawn.
    """

    images: NDArray[np.uint8]
    lost: NDArray[np.bool_]


@runtime_checkable
class RendererWithSegmentation(Protocol):
    """A renderer that also says which cube each pixel shows, as PyBullet and the ray caster do.

    >>> from gqn_rl.rendering import make_renderer
    >>> isinstance(make_renderer("raycast"), RendererWithSegmentation)
    True
    """

    def render_with_segmentation(
        self, scenes: SceneBatch, viewpoints: Viewpoints
    ) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
        """Images uint8 (N, H, W, 3) and cube indices int8 (N, H, W), -1 for the background."""
        ...


@runtime_checkable
class RendererWithWorkers(Protocol):
    """A renderer with workers, which draw the next portions while the caller is busy with one.

    >>> from gqn_rl.rendering import make_renderer
    >>> isinstance(make_renderer("raycast"), RendererWithWorkers)
    False
    >>> renderer = make_renderer(workers=2)
    >>> isinstance(renderer, RendererWithWorkers), renderer.restarts
    (True, 0)
    >>> renderer.close()
    """

    @property
    def restarts(self) -> int:
        """How many workers were killed and replaced so far."""
        ...

    def render_portions(
        self, scenes: SceneBatch, viewpoints: Viewpoints, sizes: Sequence[int]
    ) -> Iterator[Drawn]:
        """Images in order, in portions of the given sizes; what is lost is told, not redrawn."""
        ...


def render_portions(
    renderer: Renderer, scenes: SceneBatch, viewpoints: Viewpoints, sizes: Sequence[int]
) -> Iterator[Drawn]:
    """Images in order, in portions of the given sizes.

    With rendering workers the next portions are drawn while the caller is busy with one; see
    `PooledRenderer.render_portions`. Without, each is drawn when its turn comes.
    """
    if isinstance(renderer, RendererWithWorkers):
        yield from renderer.render_portions(scenes, viewpoints, sizes)
        return
    for start, stop in pairwise(accumulate(sizes, initial=0)):
        images = renderer.render(scenes[start:stop], viewpoints[start:stop])
        yield Drawn(images, np.zeros(stop - start, dtype=bool))


RENDERERS = {
    "pybullet": "gqn_rl.rendering.pybullet:PyBulletRenderer",
    "raycast": "gqn_rl.rendering.raycast:RaycastRenderer",
}
"""Name to `module:class`; imported only when asked for, so that each backend stays optional."""


def radians_of(field_of_view: float) -> float:
    """A field of view in radians.

    Args:
        field_of_view: in degrees.

    Raises:
        UserError: for anything but a number from 1 to 45.
    """
    is_number = isinstance(field_of_view, int | float | np.integer | np.floating)
    if isinstance(field_of_view, bool) or not is_number or not NARROWEST <= field_of_view <= WIDEST:
        raise UserError(
            f"field_of_view is {field_of_view!r}, expected {NARROWEST:g} to {WIDEST:g} degrees"
        )
    return float(np.deg2rad(field_of_view))


def single_renderer(name: str, image_size: int = 64, **options: Any) -> Renderer:
    """The renderer called `name`, drawing in this process; see `gqn_rl.rendering.make_renderer`."""
    check_renderer(name, image_size)
    renderer: Renderer = find("renderer", name, RENDERERS)(image_size=image_size, **options)
    return renderer


def check_renderer(name: str, image_size: int) -> None:
    """`UserError` for an unknown name and for a size that is too small."""
    if name not in RENDERERS and not is_entry_point(name):
        raise unknown_name("renderer", name, RENDERERS)
    if image_size < 8:
        raise UserError(f"image_size is {image_size}, expected at least 8")


def check_batch(scenes: SceneBatch, viewpoints: Viewpoints) -> None:
    """Refuse what cannot be drawn, or what the clipping planes of some renderers would cut.

    Raises:
        ValueError: for another number of viewpoints than of scenes.
        UserError: for a camera nearer to the centre of a cube than `NEAREST`, farther away than
            `FARTHEST`, or at no finite place; for colours outside [0, 1], which PyBullet wraps
            around.
    """
    if len(scenes) != len(viewpoints):
        raise ValueError(f"{len(scenes)} scenes but {len(viewpoints)} viewpoints")
    if not scenes.mask.any():
        return
    apart = scenes.cube_centres() - np.asarray(viewpoints.position)[:, None]
    distances = np.sqrt(np.square(apart).sum(-1))[scenes.mask]
    low, high = float(distances.min()), float(distances.max())
    if not (low >= NEAREST and high <= FARTHEST):
        raise UserError(
            f"cameras are {low:.3g} to {high:.3g} edges from the centres of cubes, expected "
            f"{NEAREST:g} to {FARTHEST:g}: beyond that renderers differ"
        )
    colours = scenes.colour[scenes.mask]
    low, high = float(colours.min()), float(colours.max())
    if not (low >= 0.0 and high <= 1.0):
        raise UserError(f"colours range from {low:g} to {high:g}, expected within [0, 1]")


def unit_light() -> NDArray[np.float64]:
    light = np.asarray(LIGHT_DIRECTION)
    return light / np.linalg.norm(light)
