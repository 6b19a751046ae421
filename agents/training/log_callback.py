"""Outputs of Stable-Baselines3's logger that hand what it logs on to the logs of a run."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter

from gqn_rl.training.run_logs import RunLog


class LogOutput(KVWriter):
    """One log as an output of Stable-Baselines3's logger; takes the numbers."""

    def __init__(self, log: RunLog) -> None:
        self._log = log

    def write(
        self,
        key_values: dict[str, Any],
        key_excluded: dict[str, tuple[str, ...]],
        step: int = 0,
    ) -> None:
        """What was recorded since the last time."""
        numbers = {k: float(v) for k, v in key_values.items() if isinstance(v, Real)}
        self._log.scalars(numbers, step)

    def close(self) -> None:
        """Nothing: the run closes its logs."""


class LogCallback(BaseCallback):
    """Adds logs to those that the model writes while it trains."""

    def __init__(self, logs: Sequence[RunLog]) -> None:
        super().__init__()
        self._logs = logs

    def _on_training_start(self) -> None:
        self.logger.output_formats.extend(LogOutput(log) for log in self._logs)

    def _on_step(self) -> bool:
        return True
