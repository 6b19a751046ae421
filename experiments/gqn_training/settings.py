"""The flags of `pretrain_gqn`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiments.gqn.data_flags import DataFlags
from experiments.shared.continuation import RunFlags
from experiments.shared.device import DeviceFlag
from experiments.shared.threads import ThreadsFlag


@dataclass(frozen=True)
class Settings(RunFlags, DeviceFlag, ThreadsFlag, DataFlags):
    """Settings of `python -m experiments.pretrain_gqn`; None leaves a number to the recipe."""

    preset: str = "small"
    """Architecture and sizes of the network, see gqn_rl.gqn.families.PRESETS; or the
    module:attribute of a configuration."""
    recipe: str = "modern"
    """Optimiser, schedules and objective: modern, or published for the paper's own."""
    iterations: int | None = None
    """Optimiser steps of the whole run; the modern schedules span them."""
    batch_size: int | None = None
    """Scenes per step, over all processes."""
    output_parent: Path = Path("runs")
    """Folder in which the run's own folder, named by the time, is made."""
    output: Path | None = None
    """The run's folder itself, instead of a new one under output_parent. Where the same flags have
    begun a run there, it goes on from its last saved state, as after a restart by torchrun."""
    resume: Path | None = None
    """Run folder to continue with its own settings; only max-minutes, device, threads, workers,
    checkpoint-every, compile and logger are read anew."""
    initial_weights: str | None = None
    """Shipped weights, a .safetensors file or a run folder to start from; none: random weights."""
    freeze_representation: bool = False
    """Train only prior, posterior and generator: agents on the representation stay valid."""
    num_views: int | None = None
    """Views per scene; a random number of them is the context, the others are queries."""
    num_rays: int | None = None
    """Query rays per scene, for networks that draw single pixels."""
    num_queries: int | None = None
    """Query views per scene, for networks that draw whole images."""
    learning_rate: float | None = None
    """Its peak."""
    warmup: int | None = None
    """Steps of warm-up."""
    sigma_start: float | None = None
    """Standard deviation of the pixels at the start."""
    sigma_end: float | None = None
    """Standard deviation of the pixels at the end."""
    sigma_schedule: str | None = None
    """geometric, linear or optimal."""
    prior_share: float | None = None
    """Share of scenes whose latent is drawn from the prior."""
    grid_weight: float | None = None
    """Weight of the true grid pose of rendered scenes, for families that infer one; 0: no use of
    it."""
    ema_decay: float | None = None
    """Of the moving average of the weights; 0: the weights themselves are evaluated and kept."""
    free_fraction: float | None = None
    """Share of scenes in free orientation, the others in grid orientation."""
    precision: str = "auto"
    """auto, bf16 or fp32; auto is bf16 where the processor computes it faster."""
    compile: bool = False
    """Compile the network; takes minutes and pays off on a GPU."""
    max_minutes: float = 0.0
    """Minutes after which to stop and save; 0 for none."""
    checkpoint_every: int = 500
    """Steps between saved training states."""
    eval_every: int = 500
    """Steps between evaluations of the prior path on held-out scenes."""
    logger: tuple[str, ...] = ("tensorboard",)
    """Where the curves go beside the run's own record: tensorboard, wandb, both or nothing."""
