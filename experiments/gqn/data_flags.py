"""The flags that decide about the data of a pretraining."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiments.shared.appearance import AppearanceFlags
from gqn_rl.rendering import DEFAULT_RENDERER


@dataclass(frozen=True)
class DataFlags(AppearanceFlags):
    """The flags that decide about the data."""

    data_path: Path | None = None
    """Folder of shards from generate_dataset or convert_dataset; none: scenes are rendered on the
    fly."""
    evaluation_path: Path | None = None
    """Folder of shards on which to evaluate, for data made elsewhere: 64 of its scenes, or as many
    as there are, with four views at least; for our own scenes held-out shapes are rendered."""
    num_cubes: int = 7
    """Cubes per object."""
    image_size: int | None = None
    """Height and width of the images in pixels; by default the data's, or the preset's."""
    renderer: str = DEFAULT_RENDERER
    """What draws the scenes: pybullet or raycast; they draw the same pictures. raycast draws on a
    GPU where the network is there."""
    workers: int = 0
    """Processes that make batches ahead; 0 makes them in between the steps."""
