"""Time the environments: against bare rendering and encoding, and against subprocesses.

Steps of the native vector environment take turns with bare calls of PyBullet's camera and of the
encoder, with one thread each; with themselves on bare and on refined cells and at other numbers of
rows; and, with all cores, with Stable-Baselines3's SubprocVecEnv, which holds an environment and a
GQN in every process. Then the memory is watched over many steps. The output folder gets
metrics.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiments.shared.device import DeviceFlag


@dataclass(frozen=True)
class Settings(DeviceFlag):
    """Flags of `python -m experiments.benchmark env`."""

    rows: int = 64
    """Of the vector environment that is compared with the bare work and with SubprocVecEnv."""
    sizes: tuple[int, ...] = (16, 64, 256, 1024)
    """Numbers of rows whose cost per row is compared."""
    subprocesses: tuple[int, ...] = (8, 16)
    """Single environments, each in a process of its own, of SubprocVecEnv."""
    subprocess_threads: int = 1
    """Threads of PyTorch in each of these; 0: PyTorch's default, which is many times slower."""
    render_workers: int = 1
    """Of the environments that have some."""
    memory_steps: int = 100_000
    """Environment steps over which the memory is watched."""
    rounds: int = 7
    """Turns of every alternative that count."""
    warmup: int = 1
    """Turns before them that do not."""
    threads: int = 0
    """Threads of PyTorch for the native environment beside SubprocVecEnv; 0: one per core. All
    others have one."""
    clock: str = "wall"
    """wall, or cpu: the time in which all processes compute, for a machine that has other work
    too; with it threads should be 1, for waiting threads compute as well."""
    seed: int = 0
    """Of scenes, cameras and actions."""
    quick: bool = False
    """See that everything works, in less than a minute; the numbers say nothing."""
    output: Path | None = None
    """Output folder; by default runs/benchmark_env-<time>."""


def main(settings: Settings) -> None:
    """Time, print the tables, write the output folder."""
    from experiments.benchmark.env.speed import measure_env

    measure_env(settings)
