"""Sizes of the published GQN and its presets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gqn_rl.errors import UserError, unknown_name
from gqn_rl.gqn.config import Config
from gqn_rl.gqn.published.representation import AGGREGATIONS, REPRESENTATIONS


@dataclass(frozen=True)
class PublishedConfig(Config):
    """Architecture of `PublishedGQN`; the defaults are the paper's.

    Attributes:
        image_size: height and width of the images, in pixels; a multiple of 4, and for the
            pyramid of 8.
        representation: "tower", "pyramid" or "pool", figure S1 of the paper.
        aggregation: "sum" as published, or "mean".
        r_channels: channels of the representation, a multiple of 8; the widths of the
            representation network follow from it.
        layers: L, the steps in which generator and latents unfold.
        shared_core: whether all layers have the same weights.
        hidden_channels: of the states h and c of the convolutional LSTMs.
        canvas_channels: of the canvas u.
        latent_channels: of the latent z of one layer.
        kernel_size: of the convolutions in the LSTMs and of the heads of prior and posterior, odd.
        checkpointing: whether training computes each layer a second time in the backward pass
            instead of keeping what it needs; the same numbers, less memory, more time.
    """

    family: ClassVar[str] = "published"

    representation: str = "pool"
    aggregation: str = "sum"
    r_channels: int = 256
    layers: int = 12
    shared_core: bool = False
    hidden_channels: int = 128
    canvas_channels: int = 128
    latent_channels: int = 3
    kernel_size: int = 5
    checkpointing: bool = False

    def __post_init__(self) -> None:
        if self.representation not in REPRESENTATIONS:
            raise unknown_name("representation", self.representation, REPRESENTATIONS)
        if self.aggregation not in AGGREGATIONS:
            raise unknown_name("aggregation", self.aggregation, AGGREGATIONS)
        self.require_at_least(1, "layers", "hidden_channels", "canvas_channels", "latent_channels")
        self._require_multiple("image_size", 8 if self.representation == "pyramid" else 4, least=16)
        self._require_multiple("r_channels", 8, least=8)
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise UserError(f"kernel_size is {self.kernel_size}, expected an odd number")

    def _require_multiple(self, name: str, factor: int, least: int) -> None:
        value = getattr(self, name)
        if value < least or value % factor:
            raise UserError(
                f"{name} is {value}, expected a multiple of {factor} of at least {least}"
            )


PRESETS = {
    "paper": PublishedConfig(),
    "paper-shared": PublishedConfig(shared_core=True),
    "published-tiny": PublishedConfig(
        r_channels=32, layers=2, hidden_channels=8, canvas_channels=8
    ),
}
"""paper is the published model, paper-shared its variant with one core for all layers,
published-tiny is for tests."""
