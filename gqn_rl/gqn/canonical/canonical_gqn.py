"""The canonical GQN: what is seen is put into the frame of the object, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Independent

from gqn_rl.devices import full_precision
from gqn_rl.geometry.rays import camera_axes, pixel_directions
from gqn_rl.gqn.canonical.config import PRESETS, CanonicalConfig
from gqn_rl.gqn.canonical.frame import Frame, grid_pose_error
from gqn_rl.gqn.canonical.generator import CellGenerator, CellScene
from gqn_rl.gqn.canonical.information_gain import information_gain, visibility
from gqn_rl.gqn.canonical.representation import CanonicalRepresentation
from gqn_rl.gqn.scene_latent import SceneLatentGQN
from gqn_rl.gqn.volumes.encoder import VolumeAggregate
from gqn_rl.gqn.volumes.reading import read_at

FRAME_SIZE = 4
PIXELS_APART = 5
"""Of every so many rows and columns of pixels one has a ray that asks what it would see; a cell is
eight or nine pixels wide in a picture of 64."""


class CanonicalGQN(SceneLatentGQN[VolumeAggregate]):
    """A GQN for objects made of unit cells that lie on one grid, turned about the vertical.

    The flat representation r is the frame, `Frame.pack`, and then the slots' numbers, slot after
    slot.
    """

    config_type = CanonicalConfig
    presets = PRESETS
    refinement = "gqn_rl.inference.refinement.refinement:refine"
    refinement_steps = 12
    config: CanonicalConfig
    directions: Tensor

    def __init__(self, config: CanonicalConfig) -> None:
        network = CanonicalRepresentation(config)
        super().__init__(config, FRAME_SIZE + len(network.cells) * config.slot_channels)
        self.network = network
        self.generator = CellGenerator(config, network.cells)
        self.register_buffer("directions", pixel_directions(config.image_size), persistent=False)

    def nothing_seen(self, n: int) -> VolumeAggregate:
        return self.network.nothing_seen(n)

    def encode_view(self, images: Tensor, viewpoints: Tensor) -> VolumeAggregate:
        return self.network.encode_view(images, viewpoints)

    def representation(self, aggregate: VolumeAggregate) -> Tensor:
        r: Tensor = self.network(aggregate)
        return r

    def auxiliary_loss(
        self, representations: Sequence[Tensor], labels: Mapping[str, Tensor]
    ) -> Tensor | None:
        """`grid_pose_error` of the frames inferred, where the true ones are known."""
        if (truth := labels.get("grid_pose")) is None:
            return None
        inferred = torch.stack([r[:, :FRAME_SIZE] for r in representations], dim=1)
        return grid_pose_error(inferred, truth).mean()

    def prior(self, r: Tensor) -> Independent:
        out: Independent = self.generator.prior_head(self._volume(r))
        return out

    def posterior(self, r: Tensor, r_with_queries: Tensor) -> Independent:
        """q(z | r, x); what is in the frame found with the queries is moved to the other one."""
        there = self._volume(r_with_queries).float()
        with full_precision(r.device):
            centres = Frame.unpack(r).to_world(self.network.centres)
            places = Frame.unpack(r_with_queries).to_frame(centres)
            moved = read_at(there, places / (self.config.frame_cells / 2)).view(there.shape)
        both = torch.cat([self._volume(r), moved], dim=1)
        out: Independent = self.generator.posterior_head(both)
        return out

    @property
    def latent_shape(self) -> tuple[int, ...]:
        blocks = self.config.frame_cells // 2
        return (self.config.latent_channels, blocks, blocks, blocks)

    def decode(self, r: Tensor, latent: Tensor) -> CellScene:
        return self.generator.scene(Frame.unpack(r), self._slots(r), latent)

    def draw(
        self,
        scene: CellScene,
        viewpoints: Tensor,
        pixels: Tensor,
        jitter: Tensor | None = None,
    ) -> Tensor:
        with full_precision(viewpoints.device):  # bf16 cannot tell where a ray meets a face
            axes = camera_axes(viewpoints)  # (N, R, 3, 3)
            directions = torch.einsum("nra,nrai->nri", self.directions[pixels], axes)
            return self.generator.render(
                scene, viewpoints[..., :3], F.normalize(directions, dim=-1)
            )

    @property
    def voxel_grid_shape(self) -> tuple[int, int, int, int]:
        """Shape of `voxel_grid` for one scene."""
        size = self.config.frame_cells
        return (4, size, size, size)

    def voxel_grid(self, r: Tensor) -> Tensor:
        """The canonical voxel grid: what is imagined in the object's frame, at the prior's mean.

        Returns:
            float32 (N, 4, S, S, S) in [0, 1]: opacity of each cell for a ray that crosses it along
            an axis, and the cell's red, green and blue times it.
        """
        content = self.imagine(r, r.new_zeros(len(r), *self.latent_shape)).content
        opacity = -torch.expm1(-content[:, :1])
        both = torch.cat([opacity, opacity * content[:, 1:]], dim=1)
        return both.view(len(r), *self.voxel_grid_shape)

    def information_gain(
        self, r: Tensor, query: Tensor, seen: Tensor, is_seen: Tensor, candidates: Tensor
    ) -> Tensor:
        """What views from elsewhere would tell about the query view, float32 (N, M + 1).

        The last number is what is left to be told; see `information_gain` for the measure.

        Args:
            r: float (N, F), what is known.
            query: float32 (N, 7).
            seen: float32 (N, L, 7), poses of views taken, where `is_seen`, bool (N, L), is true.
            candidates: float32 (N, M, 7).
        """
        scene = self.imagine(r, r.new_zeros(len(r), *self.latent_shape))
        return self.information_about(scene, query, seen, is_seen, candidates)

    def information_about(
        self, scene: CellScene, query: Tensor, seen: Tensor, is_seen: Tensor, candidates: Tensor
    ) -> Tensor:
        """`information_gain` where N scenes are known, opaque where cells are likely to be."""
        rows = self.directions.view(self.image_size, self.image_size, 3)
        rays = rows[PIXELS_APART // 2 :: PIXELS_APART, PIXELS_APART // 2 :: PIXELS_APART]
        poses = torch.cat([query[:, None], candidates, seen], dim=1)
        with full_precision(query.device):
            visible = visibility(scene, poses, rays.reshape(-1, 3), self.config.frame_cells)
            sizes = [1, candidates.shape[1], seen.shape[1]]
            from_query, shown, so_far = visible.split(sizes, dim=1)
            # Nothing has been seen of a cell by a camera that was never there.
            spent = (so_far * is_seen[..., None]).amax(1)
            return information_gain(scene, from_query[:, 0], spent, shown)

    def _volume(self, r: Tensor) -> Tensor:
        return self.generator.volume(self._slots(r))

    def _slots(self, r: Tensor) -> Tensor:
        slots: Tensor = r[:, FRAME_SIZE:].unflatten(1, (-1, self.config.slot_channels))
        return slots
