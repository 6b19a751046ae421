"""Callbacks beside learning: evaluation, curves, the clock and the progress bar."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from agents.evaluation import Evaluation, evaluate

Row = dict[str, Any]


class Resumable(BaseCallback):
    """A callback that goes on where it was when training was saved.

    >>> callback = CurveCallback()
    >>> callback.resumed, isinstance(callback, Resumable)
    (False, True)

    Attributes:
        resumed: whether it has taken up a state; training then does not begin.
    """

    def __init__(self) -> None:
        super().__init__()
        self.resumed = False
        self._before = 0.0

    def _on_training_start(self) -> None:
        self._start = time.monotonic() - self._before

    def _on_step(self) -> bool:
        return True

    @property
    def seconds(self) -> float:
        """Since training began, without the time between two sessions."""
        return time.monotonic() - self._start

    def state(self) -> Row:
        """Plain data that JSON can hold."""
        return {"seconds": self.seconds}

    def load_state(self, state: Row) -> None:
        """Inverse of `state`, before training goes on."""
        self._before, self.resumed = state["seconds"], True


class EvaluationCallback(Resumable):
    """Evaluates between rollouts, records the curve and reports every new best model.

    The best model has the highest mean reward, which weighs accuracy against looks as the task
    does. Its score is too good by the choice: measure it again on other episodes.

    >>> import gymnasium
    >>> from agents.sb3_vec_env import GymnasiumVecEnv
    >>> options = {"observation": "state", "autoreset_mode": "SameStep"}
    >>> made = [gymnasium.make_vec("envs:GQNShepard-v0", num_envs=2, **options) for _ in range(2)]
    >>> env, other = (GymnasiumVecEnv(rows) for rows in made)
    >>> from stable_baselines3 import PPO
    >>> evaluated = EvaluationCallback(other, 16, 8, seed=0, on_best=lambda model, found: None)
    >>> _ = PPO("MultiInputPolicy", env, n_steps=16, batch_size=16, seed=0).learn(32, evaluated)
    >>> [row["timesteps"] for row in evaluated.curve]
    [32]

    Args:
        env: another environment than the one trained on.
        every: environment steps between evaluations.
        episodes: per evaluation; the same ones each time, so that scores differ by the agent only.
        seed: of those episodes.
        on_best: called with the model and its evaluation whenever it is the best so far.
        on_row: called with each new row of the curve.

    Attributes:
        curve: one row per evaluation: timesteps, seconds and `Evaluation.summary`.
    """

    def __init__(
        self,
        env: VecEnv,
        every: int,
        episodes: int,
        seed: int,
        on_best: Callable[[BaseAlgorithm, Evaluation], None],
        on_row: Callable[[Row], None] = lambda row: None,
    ) -> None:
        super().__init__()
        self._env, self._every, self._episodes = env, every, episodes
        self._seed, self._on_best, self._on_row = seed, on_best, on_row
        self._next = 0
        self.best_reward = -np.inf
        self.curve: list[Row] = []

    def _on_training_start(self) -> None:
        super()._on_training_start()
        if not self.resumed:
            self._next = self.num_timesteps + self._every

    def _on_rollout_start(self) -> None:
        if self.num_timesteps >= self._next:
            self._next = self.num_timesteps + self._every
            self._evaluate()

    def _on_training_end(self) -> None:
        if not self.curve or self.curve[-1]["timesteps"] != self.model.num_timesteps:
            self._evaluate()

    def _evaluate(self) -> None:
        evaluation = evaluate(self.model, self._env, self._episodes, seed=self._seed)
        steps = self.model.num_timesteps
        self.curve.append({"timesteps": steps, "seconds": self.seconds, **evaluation.summary()})
        for name in evaluation.measures:
            if self.curve[-1][name] is not None:
                self.logger.record(f"eval/{name}", self.curve[-1][name])
        self.logger.dump(steps)
        if evaluation.reward > self.best_reward:
            self.best_reward = evaluation.reward
            self._on_best(self.model, evaluation)
        self._on_row(self.curve[-1])

    def state(self) -> Row:
        best = None if np.isinf(self.best_reward) else float(self.best_reward)
        return {**super().state(), "next": self._next, "best": best, "curve": self.curve}

    def load_state(self, state: Row) -> None:
        super().load_state(state)
        self._next, self.curve = state["next"], state["curve"]
        self.best_reward = -np.inf if state["best"] is None else state["best"]


class CurveCallback(Resumable):
    """Records between rollouts how the last hundred training episodes went.

    >>> import gymnasium
    >>> from agents.sb3_vec_env import GymnasiumVecEnv
    >>> options = {"observation": "state", "autoreset_mode": "SameStep"}
    >>> env = GymnasiumVecEnv(gymnasium.make_vec("envs:GQNShepard-v0", num_envs=2, **options))
    >>> from stable_baselines3 import PPO
    >>> curve = CurveCallback()
    >>> _ = PPO("MultiInputPolicy", env, n_steps=16, batch_size=16, seed=0).learn(64, curve)
    >>> [row["timesteps"] for row in curve.curve]
    [32, 64]

    Args:
        every: environment steps between two rows, at least.

    Attributes:
        curve: rows of timesteps, seconds, reward, length and, for tasks with right answers,
            accuracy, for graded ones error.
    """

    def __init__(self, every: int = 1) -> None:
        super().__init__()
        self._every, self._next = every, 0
        self.curve: list[Row] = []
        self._errors: deque[float] = deque(maxlen=100)

    def _on_step(self) -> bool:
        for info, done in zip(self.locals["infos"], self.locals["dones"], strict=True):
            if done and info.get("error", -1.0) >= 0:
                self._errors.append(info["error"])
        return True

    def _on_rollout_end(self) -> None:
        episodes, successes = self.model.ep_info_buffer, self.model.ep_success_buffer
        if not episodes or not successes or self.num_timesteps < self._next:
            return
        self._next = self.num_timesteps + self._every
        score = {"error": self._errors} if self._errors else {"accuracy": successes}
        self.curve.append(
            {
                "timesteps": self.num_timesteps,
                "seconds": self.seconds,
                **{name: float(np.mean(values)) for name, values in score.items()},
                "reward": float(np.mean([episode["r"] for episode in episodes])),
                "length": float(np.mean([episode["l"] for episode in episodes])),
            }
        )

    def state(self) -> Row:
        own = {"next": self._next, "errors": list(self._errors), "curve": self.curve}
        return {**super().state(), **own}

    def load_state(self, state: Row) -> None:
        super().load_state(state)
        self._next, self.curve = state["next"], state["curve"]
        self._errors.extend(state["errors"])


class TimeLimitCallback(BaseCallback):
    """Ends training, between two rollouts, once `seconds` have passed.

    >>> import gymnasium
    >>> from agents.sb3_vec_env import GymnasiumVecEnv
    >>> options = {"observation": "state", "autoreset_mode": "SameStep"}
    >>> env = GymnasiumVecEnv(gymnasium.make_vec("envs:GQNShepard-v0", num_envs=2, **options))
    >>> from stable_baselines3 import PPO
    >>> limit = TimeLimitCallback(0.0)
    >>> _ = PPO("MultiInputPolicy", env, n_steps=16, batch_size=16).learn(64, limit)
    >>> limit.reached
    True

    Attributes:
        reached: whether it did.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self.reached = False

    def _on_training_start(self) -> None:
        self._end = time.monotonic() + self._seconds

    def _on_rollout_start(self) -> None:
        # A rollout cut short is lost: decide here, act on its first step.
        self.reached = time.monotonic() >= self._end

    def _on_step(self) -> bool:
        return not self.reached


class ProgressCallback(BaseCallback):
    """A progress bar with the running mean reward of episodes.

    >>> bar = ProgressCallback(stopping=lambda: True)
    >>> isinstance(bar, BaseCallback)
    True

    Args:
        stopping: whether training is about to be stopped, which the bar then says.
        shown: whether there is somebody to look at it.
    """

    def __init__(self, stopping: Callable[[], bool] = lambda: False, *, shown: bool = True) -> None:
        super().__init__()
        self._stopping = stopping
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            disable=not shown,
        )

    def _on_training_start(self) -> None:
        self._bar.start()
        total = self.model._total_timesteps
        self._task = self._bar.add_task("training", total=total, note="")

    def _on_step(self) -> bool:
        what = "stopping after this rollout" if self._stopping() else "training"
        self._bar.update(self._task, completed=self.num_timesteps, description=what)
        return True

    def _on_rollout_end(self) -> None:
        episodes = self.model.ep_info_buffer
        if episodes:
            reward = np.mean([episode["r"] for episode in episodes])
            self._bar.update(self._task, note=f"reward {reward:.2f}")

    def _on_training_end(self) -> None:
        self.close()

    def close(self) -> None:
        """Give the terminal back; also after an error."""
        self._bar.stop()
