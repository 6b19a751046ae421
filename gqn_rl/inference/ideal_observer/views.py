"""Views as they come from outside, checked."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import ENCODING_SIZE, Viewpoints

SMALLEST_IMAGE = 8


def checked_views(
    images: NDArray[np.uint8],
    viewpoints: Viewpoints | NDArray[np.floating],
    image_size: int | None = None,
) -> tuple[NDArray[np.uint8], Viewpoints]:
    """M views, or a `UserError` that says what is wrong with them.

    Args:
        images: uint8 (M, H, H, 3).
        viewpoints: M poses, or their encodings (M, 7).
        image_size: the H that is expected; None for any.
    """
    images = np.asarray(images)
    shape = images.shape
    square = len(shape) == 4 and shape[1] == shape[2] >= SMALLEST_IMAGE and shape[3] == 3
    if images.dtype != np.uint8 or not square or not len(images):
        raise UserError(
            f"images is {images.dtype} {shape}, expected uint8 (M, H, H, 3) with M >= 1"
        )
    if image_size is not None and shape[1] != image_size:
        raise UserError(f"images are {shape[1]} pixels wide, those before were {image_size}")
    poses = checked_viewpoints(viewpoints)
    if len(poses) != len(images):
        raise UserError(f"{len(images)} images but {len(poses)} viewpoints")
    return images, poses


def checked_viewpoints(viewpoints: Viewpoints | NDArray[np.floating]) -> Viewpoints:
    """N poses from poses or their encodings (N, 7), or a `UserError`."""
    if not isinstance(viewpoints, Viewpoints):
        encoding = np.asarray(viewpoints)
        if encoding.dtype.kind != "f" or encoding.ndim != 2 or encoding.shape[1] != ENCODING_SIZE:
            raise UserError(
                f"viewpoints is {encoding.dtype} {encoding.shape}, expected Viewpoints or "
                f"float (N, {ENCODING_SIZE})"
            )
        viewpoints = Viewpoints.decode(encoding)
    if not all(np.isfinite(part).all() for part in vars(viewpoints).values()):
        raise UserError("viewpoints has NaN or infinite numbers")
    return viewpoints
