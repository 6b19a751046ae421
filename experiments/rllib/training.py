"""Training by RLlib: iterations, evaluations, checkpoints and the progress bar."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agents.evaluation import evaluate
from agents.saving.spaces_json import space_to_json
from experiments.agent.environment import AgentEnvironment
from experiments.agent.flags import EVAL_EVERY
from experiments.agent.progress import reporter
from experiments.agent.report import FinishedTraining
from experiments.agent.settings import seconds_of
from experiments.rllib.agent import ModuleRecord, RLlibAgent, save_agent
from experiments.rllib.algorithm import learned_weights, make_algorithm
from experiments.rllib.checkpoints import newest_notes, save_checkpoint
from experiments.rllib.hyperparameters import Translation
from experiments.rllib.settings import ALGO, TrainRllibSettings
from experiments.shared import seeds
from experiments.shared.terminal import shows_bars
from gqn_rl.errors import UserError

SCORE = "score"
"""As `env_runner.SCORE`, which imports Ray."""
STALLED_SECONDS = 900.0
"""Without a single new step, after which waiting for env runners ends."""
Row = dict[str, Any]


@dataclass
class Progressed:
    """How far a run has come; plain data that JSON can hold.

    Attributes:
        timesteps: environment steps in all.
        seconds: of training in all, without the time between two commands.
        restarts: env runners that Ray has started again.
        next_evaluation, next_checkpoint: timesteps.
        best: highest mean reward of an evaluation.
        curve, evaluations: rows as `experiments.agent.report.write_curves` takes them.
    """

    timesteps: int = 0
    seconds: float = 0.0
    restarts: int = 0
    next_evaluation: int = 0
    next_checkpoint: int = 0
    best: float | None = None
    curve: list[Row] = field(default_factory=list)
    evaluations: list[Row] = field(default_factory=list)


class RLlibTraining:
    """One training, from its beginning or from its newest checkpoint. Ray must be running.

    Args:
        held_out: for the evaluations.
        folder: run folder.
        interrupted: whether somebody wants training to stop.

    Attributes:
        progressed: how far it has come.
        first_step: timesteps when it began or was taken up.
    """

    def __init__(
        self,
        settings: TrainRllibSettings,
        translation: Translation,
        held_out: AgentEnvironment,
        folder: Path,
        interrupted: Callable[[], bool],
    ) -> None:
        self._settings, self._held_out = settings, held_out
        self._steps, self._folder, self._interrupted = translation.steps, folder, interrupted
        self._timed_out = False
        self._agent = RLlibAgent(self._record(translation))
        checkpoint = None
        self.progressed = Progressed(
            next_evaluation=settings.eval_every or EVAL_EVERY,
            next_checkpoint=settings.checkpoint_every,
        )
        if settings.resume is not None:
            checkpoint, notes = newest_notes(folder)
            self.progressed = Progressed(**notes)
        self.first_step = self.progressed.timesteps
        self._say = reporter(self._steps)
        self._before, self._restarts = self.progressed.seconds, self.progressed.restarts
        self._algorithm = make_algorithm(settings, translation, held_out, self._seed())
        if checkpoint is not None:
            self._algorithm.restore_from_path(str(checkpoint.resolve()))

    def train(self) -> None:
        """Learn to the end, the time limit or an interruption; the last state is saved."""
        self._start = self._last_progress = time.monotonic()
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            disable=not shows_bars(),
        )
        try:
            with bar:
                task = bar.add_task("training", total=self._steps, note="")
                while not self._is_over():
                    self._iterate()
                    steps = self.progressed.timesteps
                    bar.update(task, completed=steps, note=self._note())
            if not self._interrupted():
                self._evaluate_last()
            self._save()
        finally:
            self._algorithm.stop()

    def finished(self) -> FinishedTraining:
        """What has come of it."""
        done = self.progressed
        return FinishedTraining(
            algo=ALGO,
            seed=self._settings.seed,
            timesteps=done.timesteps,
            steps=done.timesteps - self.first_step,
            seconds=done.seconds - self._before,
            timed_out=self._timed_out,
            curve=done.curve,
            evaluations=done.evaluations,
        )

    def _is_over(self) -> bool:
        spent = time.monotonic() - self._start
        self._timed_out = spent >= seconds_of(self._settings)
        return self._timed_out or self._interrupted() or self.progressed.timesteps >= self._steps

    def _iterate(self) -> None:
        """One rollout by all env runners, one update, and what is due after it."""
        results = self._algorithm.train().get("env_runners", {})
        now, state = time.monotonic(), self.progressed
        state.seconds = self._before + now - self._start
        state.restarts = self._restarts + self._group.num_remote_worker_restarts()
        steps = int(results.get("num_env_steps_sampled_lifetime", state.timesteps))
        if steps <= state.timesteps:
            if now - self._last_progress > STALLED_SECONDS:
                raise UserError(f"no env runner has answered for {STALLED_SECONDS:.0f} s")
            return
        state.timesteps, self._last_progress = steps, now
        self._record_curve(results)
        if steps >= state.next_evaluation:
            self._evaluate()
        if steps >= state.next_checkpoint:
            self._save()

    def _record_curve(self, results: Row) -> None:
        """How the last hundred training episodes went, as `CurveCallback` does."""
        reward = results.get("episode_return_mean")
        if reward is None or not np.isfinite(reward):
            return
        row = {"timesteps": self.progressed.timesteps, "seconds": self.progressed.seconds}
        score = results.get(SCORE)
        if score is not None and np.isfinite(score):
            row["error" if self._held_out.is_graded else "accuracy"] = float(score)
        row |= {"reward": float(reward), "length": float(results["episode_len_mean"])}
        self.progressed.curve.append(row)

    def _evaluate(self) -> None:
        """Measure the policy as it is; keep it where it is the best so far."""
        settings, state = self._settings, self.progressed
        state.next_evaluation = state.timesteps + (settings.eval_every or EVAL_EVERY)
        self._agent.load(learned_weights(self._algorithm))
        evaluation = evaluate(
            self._agent,
            self._held_out.bridge,
            settings.eval_every_episodes,
            seed=settings.seed + seeds.EVALUATION,
        )
        summary = evaluation.summary()
        row = {"timesteps": state.timesteps, "seconds": state.seconds, **summary}
        state.evaluations.append(row)
        self._say(row)
        if state.best is None or evaluation.reward > state.best:
            state.best = evaluation.reward
            self._agent.record.training.update(
                timesteps=state.timesteps,
                seconds=round(state.seconds, 1),
                seed=settings.seed,
                selected_by=summary,
            )
            save_agent(self._folder, self._agent)

    def _evaluate_last(self) -> None:
        done = self.progressed.evaluations
        if not done or done[-1]["timesteps"] != self.progressed.timesteps:
            self._evaluate()

    def _save(self) -> None:
        state = self.progressed
        state.next_checkpoint = state.timesteps + self._settings.checkpoint_every
        save_checkpoint(self._folder, self._algorithm, state.timesteps, vars(state))

    @property
    def _group(self) -> Any:
        return self._algorithm.env_runner_group

    def _note(self) -> str:
        """What stands beside the progress bar."""
        reward = self.progressed.curve[-1]["reward"] if self.progressed.curve else float("nan")
        healthy = f"{self._group.num_healthy_remote_workers()}/{self._settings.num_env_runners}"
        stopping = "; stopping after this rollout" if self._interrupted() else ""
        return f"reward {reward:.2f}, env runners {healthy}{stopping}"

    def _seed(self) -> int:
        """That of the run; after a resumption another one, for other episodes than before."""
        if not self.first_step:
            return self._settings.seed
        parts = (self._settings.seed, self.first_step)
        return int(np.random.SeedSequence(parts).generate_state(1)[0] >> 1)

    def _record(self, translation: Translation) -> ModuleRecord:
        held_out = self._held_out
        return ModuleRecord(
            env_id=held_out.env_id,
            env_kwargs=held_out.env_kwargs,
            encoder=held_out.encoder,
            observation_space=space_to_json(held_out.native.single_observation_space),
            action_space=space_to_json(held_out.native.single_action_space),
            model=translation.model,
            training={},
        )
