"""The clock of a training, stopped during evaluations, and when it may end."""

from __future__ import annotations

import multiprocessing
import os
import time

from stable_baselines3.common.callbacks import BaseCallback

from agents.training.callbacks import EvaluationCallback

Reading = tuple[float, float]


class Clock:
    """Seconds of training so far: on the wall, and of processor time of this whole process.

    Attributes:
        readings: both, by environment steps, where the clock was stopped.
    """

    def __init__(self) -> None:
        self.readings: dict[int, Reading] = {}
        self._so_far: Reading = (0.0, 0.0)
        self._began = now()

    def stop(self, timesteps: int) -> None:
        """Note the time; what follows does not count."""
        passed = (end - start for end, start in zip(now(), self._began, strict=True))
        wall, cpu = (before + more for before, more in zip(self._so_far, passed, strict=True))
        self._so_far = self.readings[timesteps] = (wall, cpu)

    def start(self) -> None:
        """Go on counting."""
        self._began = now()


def now() -> Reading:
    return time.perf_counter(), time.process_time()


class StopClock(BaseCallback):
    """To stand before the evaluation in the list of callbacks."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def _on_rollout_start(self) -> None:
        self._clock.stop(self.num_timesteps)

    def _on_training_end(self) -> None:
        self._clock.stop(self.model.num_timesteps)

    def _on_step(self) -> bool:
        return True


class StartClock(BaseCallback):
    """To stand behind the evaluation in the list of callbacks."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def _on_training_start(self) -> None:
        self._clock.start()

    def _on_rollout_start(self) -> None:
        self._clock.start()

    def _on_step(self) -> bool:
        return True


class StopWhenReached(BaseCallback):
    """Ends training once the last evaluations all reached an accuracy.

    Args:
        evaluations: stands before this one in the list of callbacks.
        times: how many evaluations running; 0 for never.

    Attributes:
        reached: whether they did.
    """

    def __init__(self, evaluations: EvaluationCallback, accuracy: float, times: int) -> None:
        super().__init__()
        self._evaluations, self._accuracy, self._times = evaluations, accuracy, times
        self.reached = False

    def _on_rollout_start(self) -> None:
        last = self._evaluations.curve[-self._times :] if self._times else []
        enough = 0 < self._times <= len(last)
        self.reached = enough and all(row["accuracy"] >= self._accuracy for row in last)

    def _on_step(self) -> bool:
        # A rollout cut short is not learned from: it is ended on its first step.
        return not self.reached


class EndWithParent(BaseCallback):
    """Ends a worker process whose parent was killed: nobody waits for its result any more."""

    def _on_rollout_start(self) -> None:
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            os._exit(1)

    def _on_step(self) -> bool:
        return True
