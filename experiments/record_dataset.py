"""Record episodes of a trained agent as a data set for offline reinforcement learning.

The data set is Minari's: observations, actions, rewards and ends of every step, infos with the
right answers, the seed of every episode, and the environment itself. Minari reads it from the
output folder; d3rlpy and TorchRL do by way of Minari (docs/clients.md).
"""

from __future__ import annotations

from experiments.recording.settings import RecordDatasetSettings
from experiments.shared.command import run_command

__all__ = ["RecordDatasetSettings", "main"]


def main(settings: RecordDatasetSettings) -> None:
    """Check, record, say what there is."""
    from experiments.recording.data_set import record_dataset

    record_dataset(settings)


if __name__ == "__main__":
    run_command(main, RecordDatasetSettings, __doc__)
