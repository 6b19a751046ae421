"""Checkpoints while training, so that neither a crash nor Ctrl-C costs much."""

from __future__ import annotations

from collections.abc import Callable

from stable_baselines3.common.callbacks import BaseCallback


class CheckpointCallback(BaseCallback):
    """Saves between rollouts, where training can go on to the bit, and at the end.

    Last in the list of callbacks, so that what it saves is what the others have come to.

    Args:
        save: writes what training needs to go on.
        every: environment steps between two saves.
        interrupted: whether somebody wants training to stop; it is saved then, and stopped by a
            KeyboardInterrupt.
        ending: whether this rollout will be cut short, see `TimeLimitCallback`; what comes after
            its beginning is lost, so that is what is saved.
    """

    def __init__(
        self,
        save: Callable[[], None],
        every: int,
        interrupted: Callable[[], bool] = lambda: False,
        ending: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self._save, self._every = save, every
        self._interrupted, self._ending = interrupted, ending

    def _on_training_start(self) -> None:
        self._next = self.num_timesteps  # at once: a crash in the first rollouts can be resumed

    def _on_rollout_start(self) -> None:
        interrupted = self._interrupted()
        if self.num_timesteps >= self._next or interrupted or self._ending():
            self._next = self.num_timesteps + self._every
            self._save()
        if interrupted:
            raise KeyboardInterrupt

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        if not self._ending():
            self._save()
