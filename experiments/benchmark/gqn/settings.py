"""Time the GQN: training steps against the plain composition, and what limits representing.

Ours and the plain composition of the published architecture (float32, eager, contiguous, r spread
over the map and the canvas painted in every layer) start from the same weights and do the same
steps, taking turns, each in a process of its own. `represent` is compared with its own convolutions
alone, and the training step with a large matrix product. The output folder gets metrics.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiments.shared.device import DeviceFlag


@dataclass(frozen=True)
class Settings(DeviceFlag):
    """Flags of `python -m experiments.benchmark gqn`."""

    preset: str = "paper"
    """A published architecture, see gqn_rl.gqn.families.PRESETS."""
    layers: int = 4
    """Generator layers, fewer than the paper's 12 so that minutes suffice; 0: the preset's own."""
    batch_size: int = 8
    """Scenes per training step."""
    num_views: int = 6
    """Views of each scene."""
    rounds: int = 5
    """Turns of every alternative that count."""
    warmup: int = 1
    """Turns before them that do not."""
    others: tuple[str, ...] = ("small",)
    """Presets of any family of which a training step and `represent` are timed beside it."""
    paper_batch: int = 0
    """Scenes per step of a run of the whole preset, all layers, for its peak of memory; 0: none.
    The paper has 36."""
    paper_views: int = 15
    """Views of each scene there."""
    clock: str = "wall"
    """wall, or cpu: the time in which a process computes, for a CPU that has other work too."""
    precision: str = "auto"
    """Of ours: auto, bf16 or fp32; auto is bf16 where the processor computes it faster."""
    compile: bool = False
    """Compile our network; takes minutes and pays off on a GPU."""
    threads: int = 0
    """CPU threads of PyTorch; 0 leaves its default."""
    seed: int = 0
    """Of weights, scenes and latents."""
    output: Path | None = None
    """Output folder; by default runs/benchmark_gqn-<time>."""


def main(settings: Settings) -> None:
    """Time, print the tables, write the output folder."""
    from experiments.benchmark.gqn.speed import measure_gqn

    measure_gqn(settings)
