"""Representation network: slots at the points of the world's lattice."""

from __future__ import annotations

from torch import Tensor, nn

from gqn_rl.gqn.volumes.config import VolumeConfig
from gqn_rl.gqn.volumes.encoder import VolumeAggregate, VolumeEncoder
from gqn_rl.gqn.volumes.points import initialise


class LatticeRepresentation(VolumeEncoder):
    """A few numbers at every anchor, made from the features around it."""

    def __init__(self, config: VolumeConfig) -> None:
        super().__init__(config)
        self.to_slots = nn.Conv3d(config.fine_channels, config.slot_channels, 1)
        initialise(self.to_slots)

    def forward(self, aggregate: VolumeAggregate) -> Tensor:
        """The scene representation as slots, (N, S, C)."""
        return self.anchors.to_slots(self.to_slots(self.features(aggregate))).float()
