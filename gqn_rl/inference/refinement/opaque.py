"""Scenes of a few opaque cells, and how they look along some rays.

What the decoder draws of cells that are filled or empty, at a fraction of the work: a ray is
compared with the cells that are filled instead of crossing all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.inference.refinement.sightings import Sightings

LEAST_SLOPE = 1e-6
BRIGHTNESS_HOLD = 3.0


class OpaqueScene(NamedTuple):
    """N scenes of up to K filled cells.

    Attributes:
        frame: where the cells are.
        brightness: float32 (N, 6), as in `CellScene`.
        corner: float32 (N, K, 3), the lowest corner of each cell in the frame.
        colour: float32 (N, K, 3).
        filled: bool (N, K).
    """

    frame: Frame
    brightness: Tensor
    corner: Tensor
    colour: Tensor
    filled: Tensor

    def select(self, rows: Tensor) -> OpaqueScene:
        """Some of the scenes, int64 (K,)."""
        return OpaqueScene(
            Frame(self.frame.yaw[rows], self.frame.offset[rows]), *(part[rows] for part in self[1:])
        )

    @staticmethod
    def cat(parts: Sequence[OpaqueScene]) -> OpaqueScene:
        """The scenes of all parts, of as many cells as the largest has."""
        most = max(part.filled.shape[1] for part in parts)
        padded = [part._padded(most - part.filled.shape[1]) for part in parts]
        frame = Frame.unpack(torch.cat([part.frame.pack() for part in padded]))
        columns = zip(*(part[1:] for part in padded), strict=True)
        return OpaqueScene(frame, *(torch.cat(column) for column in columns))

    def with_cell(self, corner: Tensor, filled: Tensor) -> OpaqueScene:
        """With one more grey cell at corner (N, 3), filled where bool (N,) is true."""
        grey = torch.full_like(corner, 0.5)
        return self._replace(
            corner=torch.cat([self.corner, corner[:, None]], dim=1),
            colour=torch.cat([self.colour, grey[:, None]], dim=1),
            filled=torch.cat([self.filled, filled[:, None]], dim=1),
        )

    def _padded(self, count: int) -> OpaqueScene:
        """With `count` more cells, which are not filled."""
        return self._replace(
            corner=F.pad(self.corner, (0, 0, 0, count)),
            colour=F.pad(self.colour, (0, 0, 0, count)),
            filled=F.pad(self.filled, (0, count)),
        )

    def places(self, cells: int) -> Tensor:
        """Which cells of a grid of `cells` along each axis are filled, int64 (N, K) as
        `Crossings.cell` numbers them; cells ** 3 for none."""
        x, y, z = (self.corner + cells / 2).long().clamp(0, cells - 1).unbind(-1)
        return ((x * cells + y) * cells + z).masked_fill(~self.filled, cells**3)

    def repeat(self, times: int) -> OpaqueScene:
        """Each scene `times` in a row."""
        rows = torch.arange(len(self.filled), device=self.filled.device)
        return self.select(rows.repeat_interleave(times))

    def moved(self, step: Tensor) -> OpaqueScene:
        """With the frame changed by (N, 4), as `Frame.pack` orders it."""
        return self._replace(frame=Frame.unpack(self.frame.pack() + step))


class Rays(NamedTuple):
    """R rays of each of M views of N scenes, and what was seen along them.

    Attributes:
        origins: float32 (N, M, 3). directions: float32 (N, M, R, 3), of unit length.
        colours: float32 (N, M, R, 3). weight: float32 (N, M, R), 0 for a ray that does not count.
        label: int64 (N, M, R), of which of the `Regions` they are; -1 for none.
    """

    origins: Tensor
    directions: Tensor
    colours: Tensor
    weight: Tensor
    label: Tensor

    def repeat(self, times: int) -> Rays:
        """Those of each scene `times` in a row."""
        return Rays(*(part.repeat_interleave(times, 0) for part in self))

    def select(self, rows: Tensor) -> Rays:
        """Those of some of the scenes, int64 (K,)."""
        return Rays(*(part[rows] for part in self))


def choose_rays(sightings: Sightings, label: Tensor, priority: Tensor, count: int) -> Rays:
    """The `count` clear pixels of each view with the highest priority (N, M, P); those without
    any, 0, do not count."""
    best, pixel = (priority * sightings.clear).topk(min(count, priority.shape[-1]), dim=-1)
    index = pixel[..., None].expand(-1, -1, -1, 3)
    return Rays(
        sightings.cameras,
        sightings.rays.gather(2, index),
        sightings.colours.gather(2, index),
        ((best > 0) & sightings.counted[..., None]).float(),
        label.gather(2, pixel),
    )


class Meeting(NamedTuple):
    """Rays meeting cells, nearest cell first, all (N, M, K, R).

    Attributes:
        near: for each axis, where the ray meets the plane of the face that it could enter by.
        enter, leave: where the ray enters the cell, and where it leaves it, if before it does not
            meet it.
        filled: bool (N, M, K), and `order`: int64 (N, M, K), which cell is the nearest, second, ...
        shade: for each axis, brightness (N, M, R) of the faces that a ray can enter by.
    """

    near: tuple[Tensor, Tensor, Tensor]
    enter: Tensor
    leave: Tensor
    filled: Tensor
    order: Tensor
    shade: tuple[Tensor, Tensor, Tensor]

    @property
    def hit(self) -> Tensor:
        """Which filled cells rays meet, bool (N, M, K, R)."""
        return (self.leave > self.enter) & self.filled[..., None]


def meet(scene: OpaqueScene, rays: Rays) -> Meeting:
    """Where rays meet the cells of scenes."""
    n, m, count = rays.directions.shape[:3]
    origins = scene.frame.to_frame(rays.origins)
    along = scene.frame.turn(rays.directions.flatten(1, 2)).view(n, m, count, 3)
    relative = scene.corner[:, None] - origins[:, :, None]  # (N, M, K, 3)
    # The order of centres is that of occlusion: cells are of one size and on one grid.
    order = (relative + 0.5).square().sum(-1).argsort(-1)
    relative = relative.gather(2, order[..., None].expand(-1, -1, -1, 3))
    inverse = 1.0 / torch.where(along.abs() < LEAST_SLOPE, LEAST_SLOPE, along)
    near, shade = [], []
    leave = None
    for axis in range(3):
        slope = inverse[..., axis]
        near.append(relative[..., axis, None] * slope[:, :, None])
        near[-1] += slope.clamp(max=0.0)[:, :, None]
        far = near[-1] + slope.abs()[:, :, None]
        leave = far if leave is None else torch.minimum(leave, far)
        low, high = scene.brightness[:, 2 * axis], scene.brightness[:, 2 * axis + 1]
        shade.append(torch.where(slope > 0, high[:, None, None], low[:, None, None]))
    assert leave is not None
    enter = torch.maximum(torch.maximum(near[0], near[1]), near[2])
    filled = scene.filled[:, None].expand_as(order).gather(2, order)
    shades = (shade[0], shade[1], shade[2])
    return Meeting((near[0], near[1], near[2]), enter, leave, filled, order, shades)


def draw_softly(scene: OpaqueScene, rays: Rays, softness: float) -> Tensor:
    """Colours (N, M, R, 3) with edges that are ramps, `softness` cube edges to either side."""
    met = meet(scene, rays)
    cover = (met.leave - met.enter).mul_(0.5 / softness).add_(0.5).clamp_(0.0, 1.0)
    cover *= met.filled[..., None]
    past = (1.0 - cover).cumprod(2)
    cover[:, :, 1:] *= past[:, :, :-1]
    total, bright = torch.zeros_like(cover), torch.zeros_like(cover)
    for near, shade in zip(met.near, met.shade, strict=True):
        share = (near - met.enter).mul_(1.0 / softness).add_(1.0).clamp_(min=0.0)
        total += share
        bright += share.mul_(shade[:, :, None])
    cover *= bright.div_(total)
    colour = scene.colour[:, None].expand(-1, cover.shape[1], -1, -1)
    colour = colour.gather(2, met.order[..., None].expand(-1, -1, -1, 3))
    return cover.mT @ colour


class Seen(NamedTuple):
    """What rays meet first, all (N, M, R).

    Attributes:
        cell: int64, which of the K cells; K for none. bright: float32, of the face, 0 for none.
        face: int64, as `Crossings.face` numbers them.
    """

    cell: Tensor
    bright: Tensor
    face: Tensor


def see(scene: OpaqueScene, rays: Rays) -> Seen:
    """The first cell along each ray, and how bright it is there."""
    met = meet(scene, rays)
    hit = met.hit
    k = hit.shape[2]
    rank = torch.arange(k, 0, -1, device=hit.device, dtype=torch.float32)[:, None]
    first = k - (hit * rank).amax(2).long()  # k for none
    nowhere = first == k
    at = first.clamp(max=k - 1)[:, :, None]
    x, y, z = (near.gather(2, at)[:, :, 0] for near in met.near)
    axis = torch.where(z > torch.maximum(x, y), 2, (y > x).long())
    shade = torch.stack(met.shade)
    bright = shade.gather(0, axis[None])[0].masked_fill(nowhere, 0.0)
    cell = met.order.gather(2, at[:, :, 0]).masked_fill(nowhere, k)
    directions = scene.frame.turn(rays.directions.flatten(1, 2)).view(rays.directions.shape)
    face = 2 * axis + (directions.gather(-1, axis[..., None])[..., 0] > 0)
    return Seen(cell, bright, face)


def draw(scene: OpaqueScene, rays: Rays) -> Tensor:
    """Colours (N, M, R, 3), edges as sharp as they are."""
    return colours_seen(scene, see(scene, rays))


def colours_seen(scene: OpaqueScene, seen: Seen) -> Tensor:
    """Colours (N, M, R, 3) of what was met first."""
    palette = F.pad(scene.colour, (0, 0, 0, 1))
    flat = palette.gather(1, seen.cell.flatten(1)[..., None].expand(-1, -1, 3))
    return flat.view(*seen.cell.shape, 3) * seen.bright[..., None]


def colours_that_fit(scene: OpaqueScene, rays: Rays) -> OpaqueScene:
    """The same with the colours of its cells in closed form, least squares over the rays that meet
    them first; cells that none meets keep theirs."""
    seen = see(scene, rays)
    n, k = scene.filled.shape
    cell = seen.cell.flatten(1)
    strength = (seen.bright * rays.weight).flatten(1)
    power = scene.colour.new_zeros(n, k + 1).scatter_add(1, cell, strength * seen.bright.flatten(1))
    light = scene.colour.new_zeros(n, k + 1, 3).scatter_add(
        1, cell[..., None].expand(-1, -1, 3), strength[..., None] * rays.colours.flatten(1, 2)
    )
    best = (light / power.clamp(min=1e-6)[..., None]).clamp(0.0, 1.0)[:, :k]
    return scene._replace(colour=torch.where((power[:, :k] > 1e-3)[..., None], best, scene.colour))


def brightness_that_fits(scene: OpaqueScene, rays: Rays) -> OpaqueScene:
    """The same with the brightness of its faces in closed form, held by what it was as firmly as
    by `BRIGHTNESS_HOLD` white rays."""
    seen = see(scene, rays)
    white = scene._replace(brightness=torch.ones_like(scene.brightness))
    colour = colours_seen(white, seen._replace(bright=(seen.bright > 0).float()))
    weight = rays.weight[..., None]
    light = (rays.colours * colour * weight).sum(-1).flatten(1)
    power = (colour.square() * weight).sum(-1).flatten(1)
    face = seen.face.flatten(1)
    sums = torch.full_like(scene.brightness, BRIGHTNESS_HOLD).scatter_add(1, face, power)
    best = (BRIGHTNESS_HOLD * scene.brightness).scatter_add(1, face, light) / sums
    return scene._replace(brightness=best.clamp(0.0, 1.0))


def misfit(colours: Tensor, rays: Rays) -> Tensor:
    """Mean squared error over the rays that count, (N,)."""
    error = (colours - rays.colours).square().mean(-1)
    return (error * rays.weight).sum((1, 2)) / rays.weight.sum((1, 2)).clamp(min=1.0)
