"""Frames: pictures of each row's episode for people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from envs.drawing.picture import Panel, compose_frame, draw_path, tiled
from envs.rows.query_errors import drawn_queries
from envs.rows.scene_rows import SceneRows


def draw_frames(rows: SceneRows, status: Sequence[str]) -> tuple[NDArray[np.uint8], ...]:
    """One picture per row: the current view, the camera's path, and what the task is about.

    With a reference: the pictures of it from the cue views. With a query view: how it looks, and
    how the encoder draws it from what has been seen so far. Otherwise, where there is an encoder
    that draws: the object from the opposite side as the encoder imagines it.

    Args:
        status: a line of text for each row.

    Returns:
        uint8 (height, width, 3) each, see `envs.drawing.picture.compose_frame`.
    """
    columns = [_views(rows), _paths(rows)]
    if rows.task.cue_views is not None:
        columns.append(_references(rows))
    columns += _drawn(rows)
    return tuple(
        compose_frame(panels, line)
        for panels, line in zip(zip(*columns, strict=True), status, strict=True)
    )


def _views(rows: SceneRows) -> list[Panel]:
    panels = []
    for row, image in enumerate(rows.images):
        looked = f"look {rows.cameras.looks[row]} of {rows.max_looks}"
        told = (looked, rows.cameras.describe_aim(row))
        panels.append(Panel(", ".join(filter(None, told)), image))
    return panels


def _references(rows: SceneRows) -> list[Panel]:
    """The reference of each row, black once it is shown no more."""
    last = rows.max_looks if rows.task.cue_looks is None else rows.task.cue_looks
    return [
        Panel("reference", tiled(images if looks <= last else np.zeros_like(images)))
        for looks, images in zip(rows.cameras.looks, rows.extra_images, strict=True)
    ]


def _paths(rows: SceneRows) -> list[Panel]:
    keep_out = rows.keep_out
    return [
        Panel(
            "camera path",
            draw_path(rows.cameras.of(row), None if keep_out is None else keep_out[row : row + 1]),
        )
        for row in range(len(rows))
    ]


def _drawn(rows: SceneRows) -> list[list[Panel]]:
    """The columns of what the encoder draws; none where it cannot."""
    if rows.queries is not None:
        truth = [Panel("query view", images[0]) for images in rows.extra_images]
        drawn = drawn_queries(rows, np.ones(len(rows), dtype=bool))
        return [truth, [Panel("drawn from the looks so far", image) for image in drawn]]
    if rows.memory is not None and rows.memory.imaginer is not None:
        drawn = rows.memory.draw(np.arange(len(rows)), rows.cameras.angles.opposite().viewpoints())
        return [[Panel("imagined from behind", image) for image in drawn]]
    return []
