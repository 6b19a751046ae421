"""Pre-train a GQN on Shepard-Metzler scenes, rendered on the fly or read from disk.

Hypothesis: views written to and read from a lattice in the world leave the plateau of the
published architecture within minutes instead of days.

`torchrun --nproc-per-node N -m experiments.pretrain_gqn ...` shares every batch among N processes;
docs/distributed.md has several hosts, restarts and Slurm.
"""

from __future__ import annotations

from experiments.gqn_training.settings import Settings
from experiments.shared.command import run_command

__all__ = ["Settings", "main"]


def main(settings: Settings) -> None:
    """Train, write the run folder."""
    from experiments.gqn_training.run import pretrain_gqn

    pretrain_gqn(settings)


if __name__ == "__main__":
    run_command(main, Settings, __doc__)
