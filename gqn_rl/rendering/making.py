"""Factory of renderers, in this process or in several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from inspect import signature
from typing import Any

from gqn_rl.entry_points import find
from gqn_rl.errors import UserError
from gqn_rl.rendering.appearance import Appearance
from gqn_rl.rendering.base import (
    RENDERERS,
    WIDEST,
    Renderer,
    check_renderer,
    radians_of,
    single_renderer,
)
from gqn_rl.rendering.default import default_renderer


def make_renderer(
    name: str | None = None,
    image_size: int = 64,
    *,
    workers: int = 0,
    capacity: int = 256,
    appearance: Appearance | Mapping[str, Any] | None = None,
    field_of_view: float = WIDEST,
    **options: Any,
) -> Renderer:
    """The renderer called `name`, or the one that draws by default.

    >>> make_renderer("raycast", image_size=32).identity.image_size
    32
    >>> make_renderer("raycast", appearance={"background": "white"}).identity.look
    'flat-v1+white'

    Args:
        name: in `RENDERERS`, or `module:class` for a renderer of one's own; None for "pybullet",
            or for "raycast" where PyBullet is not installed.
        workers: processes that draw, see `PooledRenderer`; 0 to draw in this one.
        capacity: with workers, how many images are usually drawn at once, at most.
        appearance: of objects, see `gqn_rl.rendering.appearance`; a renderer of one's own is told
            of it only where it is not the default one.
        field_of_view: opening angle in degrees, 1 to 45; 45 sees whole objects, less a part of
            them. A renderer of one's own is told of it only where it is less.
        options: what else the renderer takes.

    Raises:
        UserError: for an unknown name, a size that is not positive, a missing backend, or an
            appearance or a field of view that there is not, or that the renderer cannot draw.
    """
    radians_of(field_of_view)  # refuses what is none
    name = default_renderer() if name is None else name
    if workers < 0:
        raise UserError(f"{workers} rendering workers, expected at least 0")
    look = Appearance.of(appearance)
    wanted: dict[str, Any] = {}
    if look != Appearance():
        wanted["appearance"] = asdict(look)  # workers are told in JSON
    if field_of_view != WIDEST:
        wanted["field_of_view"] = float(field_of_view)
    for option, value in wanted.items():
        check_renderer(name, image_size)
        if option not in signature(find("renderer", name, RENDERERS)).parameters:
            raise UserError(f"renderer {name!r} takes no {option}, received {value!r}")
    options |= wanted
    if not workers:
        return single_renderer(name, image_size, **options)
    check_renderer(name, image_size)
    # Not at the top: a worker imports this package too, and needs none of it.
    from gqn_rl.rendering.pooled.renderer import PooledRenderer

    return PooledRenderer(name, image_size, workers, capacity, options)
