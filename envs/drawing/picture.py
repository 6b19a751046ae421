"""Drawing for people: panels side by side, and the camera's path on the viewing sphere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from envs.camera.angles import KeepOut
from envs.observation.montage import montages

PANEL = 256
"""Height and width of each panel, in pixels."""
CAPTION = 20
"""Height of the lines of text above and below the panels, in pixels."""
BACKGROUND, TEXT = (24, 24, 28), (230, 230, 230)
NEAR_LINE, FAR_LINE = (130, 130, 140), (62, 62, 70)
PATH, CURRENT = (255, 190, 60), (255, 80, 70)
BARRED = (90, 160, 255)
OBSERVER_AZIMUTH, OBSERVER_ELEVATION = np.deg2rad(-60.0), np.deg2rad(25.0)
"""Whence the sphere of the camera's path is drawn."""


@dataclass(frozen=True)
class Panel:
    """One picture and what it shows.

    Attributes:
        image: uint8 (H, W, 3), a square of any size.
    """

    caption: str
    image: NDArray[np.uint8]


def compose_frame(panels: Sequence[Panel], status: str = "") -> NDArray[np.uint8]:
    """The panels side by side, each enlarged without blurring, over a line of text.

    Returns:
        uint8 (PANEL + 2 * CAPTION, PANEL * len(panels), 3); even numbers, as video codecs want.
    """
    frame = Image.new("RGB", (PANEL * len(panels), PANEL + 2 * CAPTION), BACKGROUND)
    draw = ImageDraw.Draw(frame)
    for column, panel in enumerate(panels):
        enlarged = Image.fromarray(panel.image).resize((PANEL, PANEL), Image.Resampling.NEAREST)
        frame.paste(enlarged, (column * PANEL, CAPTION))
        draw.text((column * PANEL + 6, 4), panel.caption, fill=TEXT)
    draw.text((6, PANEL + CAPTION + 4), status, fill=TEXT)
    return np.array(frame)


def tiled(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """C images uint8 (C, H, W, 3) in a square grid, row by row, uint8 (R H, R W, 3)."""
    return montages(images[None])[0]


def draw_path(path: NDArray[np.float64], keep_out: KeepOut | None = None) -> NDArray[np.uint8]:
    """The viewing sphere in orthographic projection with the looks (L, 2) on it.

    Args:
        path: azimuth and elevation of the looks so far, radians.
        keep_out: one row; where the camera may not stand, with a dot in the middle.

    Returns:
        uint8 (PANEL, PANEL, 3).
    """
    panel = Image.new("RGB", (PANEL, PANEL), BACKGROUND)
    draw = ImageDraw.Draw(panel)
    for line in _graticule():
        _polyline(draw, line, FAR_LINE, NEAR_LINE, width=1)
    if keep_out is not None:
        _polyline(draw, keep_out.border()[0], _dimmed(BARRED), BARRED, width=2)
        _dot(draw, keep_out.centre.stacked()[0], BARRED, radius=5)
    for start, end in pairwise(path):
        _polyline(draw, _arc(start, end), _dimmed(PATH), PATH, width=3)
    for look in path[:-1]:
        _dot(draw, look, PATH, radius=4)
    for look in path[-1:]:
        _dot(draw, look, CURRENT, radius=7)
    return np.array(panel)


def _project(angles: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Pixels (L, 2) of azimuth and elevation (L, 2), and whether they are on the near side."""
    azimuth, elevation = angles[:, 0] - OBSERVER_AZIMUTH, angles[:, 1]
    x = np.cos(elevation) * np.cos(azimuth)
    y = np.cos(elevation) * np.sin(azimuth)
    z = np.sin(elevation)
    cos, sin = np.cos(OBSERVER_ELEVATION), np.sin(OBSERVER_ELEVATION)
    up, depth = z * cos - x * sin, x * cos + z * sin
    scale = 0.42 * PANEL
    return np.column_stack([PANEL / 2 + scale * y, PANEL / 2 - scale * up]), depth >= 0


def _graticule() -> list[NDArray[np.float64]]:
    """Circles of longitude and latitude every 30 degrees, each (L, 2)."""
    around, between = np.linspace(-np.pi, np.pi, 73), np.linspace(-np.pi / 2, np.pi / 2, 37)
    meridians = [np.column_stack([np.full(37, a), between]) for a in around[:-1:6]]
    parallels = [np.column_stack([around, np.full(73, e)]) for e in between[6:-1:6]]
    return meridians + parallels


def _arc(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """The move from `start` to `end` (2,), the short way round; (L, 2)."""
    change = end - start
    change[0] = (change[0] + np.pi) % (2 * np.pi) - np.pi
    fraction: NDArray[np.float64] = np.linspace(0.0, 1.0, 13)[:, None]
    return start + fraction * change


def _polyline(
    draw: ImageDraw.ImageDraw,
    angles: NDArray[np.float64],
    far_colour: tuple[int, int, int],
    near_colour: tuple[int, int, int],
    width: int,
) -> None:
    pixels, near = _project(angles)
    for index in range(len(pixels) - 1):
        colour = near_colour if near[index] and near[index + 1] else far_colour
        draw.line([tuple(pixels[index]), tuple(pixels[index + 1])], fill=colour, width=width)


def _dot(
    draw: ImageDraw.ImageDraw,
    angles: NDArray[np.float64],
    colour: tuple[int, int, int],
    radius: int,
) -> None:
    pixels, near = _project(angles[None])
    x, y = pixels[0]
    fill = colour if near[0] else _dimmed(colour)
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=fill)


def _dimmed(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = colour
    return red // 2, green // 2, blue // 2
