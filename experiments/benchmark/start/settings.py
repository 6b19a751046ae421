"""Time what everybody waits for first, and weigh what every environment costs before it is used.

--help of every command; importing the environments and making one; the memory of many single
environments in one process; and the steps of a single environment while other processes want the
cores too. Each is measured in fresh processes. The output folder gets metrics.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Flags of `python -m experiments.benchmark start`."""

    rounds: int = 3
    """How often each is measured; the fastest counts, of steps the middle one."""
    environments: int = 64
    """Single environments in one process, whose memory is measured."""
    load: int = 4
    """Processes that keep the cores busy beside a single environment."""
    steps: int = 60
    """Steps of it that are timed at once, with and without that load."""
    seed: int = 0
    """Of scenes and cameras."""
    output: Path | None = None
    """Output folder; by default runs/benchmark_start-<time>."""


def main(settings: Settings) -> None:
    """Measure, print the table, write the output folder."""
    from experiments.benchmark.start.speed import measure_start

    measure_start(settings)
