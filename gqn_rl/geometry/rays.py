"""The pinhole camera in PyTorch: rays through pixels, and points projected into images.

TinyRenderer samples the pixel in column x and row y at (x, y + 1) in pixel units, not at its
centre. This module is the sole owner of that convention; the ray caster and the models use it.
"""

from __future__ import annotations

import math

import torch

from gqn_rl.geometry.viewpoint import FIELD_OF_VIEW

HALF_TANGENT = math.tan(FIELD_OF_VIEW / 2)


def pixel_directions(image_size: int, field_of_view: float = FIELD_OF_VIEW) -> torch.Tensor:
    """Ray directions in camera axes (right, up, forward), row by row.

    Args:
        image_size: height and width in pixels.
        field_of_view: opening angle in radians.

    Returns:
        float32 (H * W, 3); the forward component is 1, so lengths along a ray are depths.
    """
    steps = torch.arange(image_size, dtype=torch.float64)
    half_tangent = math.tan(field_of_view / 2)
    right = (2 * steps / image_size - 1) * half_tangent
    up = (1 - 2 * (steps + 1) / image_size) * half_tangent
    grid_up, grid_right = torch.meshgrid(up, right, indexing="ij")
    forward = torch.ones_like(grid_up)
    return torch.stack([grid_right, grid_up, forward], dim=-1).reshape(-1, 3).float()


def camera_axes(viewpoints: torch.Tensor) -> torch.Tensor:
    """Camera axes in world coordinates from encoded poses.

    >>> camera_axes(torch.tensor([9.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0]))[2]  # looks along -x
    tensor([-1.,  0.,  0.])

    Args:
        viewpoints: float (..., 7), see `Viewpoints.encode`.

    Returns:
        float (..., 3, 3), rows right, up, forward; equal to `Viewpoints.axes`.
    """
    cos_yaw, sin_yaw, cos_pitch, sin_pitch = viewpoints[..., 3:].unbind(-1)
    zero = torch.zeros_like(cos_yaw)
    right = torch.stack([sin_yaw, -cos_yaw, zero], dim=-1)
    up = torch.stack([-cos_yaw * sin_pitch, -sin_yaw * sin_pitch, cos_pitch], dim=-1)
    forward = torch.stack([cos_yaw * cos_pitch, sin_yaw * cos_pitch, sin_pitch], dim=-1)
    return torch.stack([right, up, forward], dim=-2)


def project(
    points: torch.Tensor, viewpoints: torch.Tensor, image_size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where world points appear in images.

    >>> camera = torch.tensor([[9.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0]])  # looks along -x
    >>> places, depths = project(torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), camera, 64)
    >>> depths
    tensor([[9., 8.]])
    >>> places[0] * 32  # pixels from the centre, half a pixel off as TinyRenderer samples them
    tensor([[ 0.5000, -0.5000],
            [ 0.5000, -0.5000]])

    Args:
        points: float (S, 3), in cube edges.
        viewpoints: float (N, 7).
        image_size: height and width in pixels.

    Returns:
        Coordinates (N, S, 2) as `torch.nn.functional.grid_sample` takes them with
        align_corners=False (column, row; -1 to 1 from edge to edge), and depths (N, S).
    """
    axes, planes = camera_axes(viewpoints), points.T.contiguous()
    # Coordinate by coordinate: autocast and a lowered matmul precision, which a training run may
    # have asked for, would round a matrix product and move points by a tenth of a pixel.
    camera = -(axes * viewpoints[:, None, :3]).sum(-1, keepdim=True)  # (N, 3, 1)
    for axis in range(3):
        camera = torch.addcmul(camera, axes[:, :, axis, None], planes[axis])  # (N, 3, S)
    right, up, depth = camera.unbind(1)
    scale = 1.0 / (depth.clamp(min=1e-3) * HALF_TANGENT)
    # Column = (x + 1) / 2 * size, row = (1 - y) / 2 * size - 1; grid_sample's pixel centres lie
    # half a pixel inside.
    column = right * scale + 1.0 / image_size
    row = -up * scale - 1.0 / image_size
    return torch.stack([column, row], dim=1).mT, depth


def pixel_coordinates(
    points: torch.Tensor, viewpoints: torch.Tensor, image_size: int
) -> torch.Tensor:
    """Column and row, float (N, S, 2), of the pixel whose ray meets a point, whole numbers if it
    does so exactly.

    Args:
        points: float (N, S, 3), in cube edges, before the camera.
        viewpoints: float (N, 7).
    """
    relative = points - viewpoints[:, None, :3]
    right, up, depth = (
        (relative * axis[:, None]).sum(-1) for axis in camera_axes(viewpoints).unbind(1)
    )
    scale = image_size / (2 * HALF_TANGENT * depth.clamp(min=1e-3))
    return torch.stack([image_size / 2 + right * scale, image_size / 2 - up * scale - 1], dim=-1)
