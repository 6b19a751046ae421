"""The search for hyperparameters: many short trainings, the next chosen by those before.

The run folder holds Optuna's journal, from which the search goes on after a crash, trials.json and
hyperparameters.yml, the best so far, which `train_agent --hyperparameters` takes. With --study the
folder is shared by any number of processes, on one host or several.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from rich.console import Console
from stable_baselines3.common.callbacks import BaseCallback

from agents.algorithms.algorithm import algorithm_named
from agents.factory import merged
from agents.search.space import parameters_of, search_space, suggested
from agents.search.study import LOCK, SharedStudy, imported_optuna, lock
from agents.search.workers import Worker
from agents.training.callbacks import EvaluationCallback, ProgressCallback, TimeLimitCallback
from agents.training.divergence import DivergedError, DivergenceCallback, noticed_divergence
from experiments.agent.flags import EVAL_EVERY
from experiments.agent.progress import reporter
from experiments.agent.settings import TrainAgentSettings, limit_of, resumed_settings, seconds_of
from experiments.agent.training import HYPERPARAMETERS, Trainee, model_for
from experiments.shared import seeds
from experiments.shared.command import SETTINGS_NAME, make_folder, save_settings
from experiments.shared.continuation import stored_settings
from experiments.shared.terminal import console, shows_bars
from gqn_rl.errors import UserError
from gqn_rl.files import write_json, write_text

if TYPE_CHECKING:
    from optuna import Study, Trial

BEST = "hyperparameters.yml"
MOST_DIVERGED = 3
"""Trials in a row that may diverge: more, and it is not their hyperparameters."""
TIMESTEPS = "timesteps"
"""Attribute of a trial: how far it came, which may be less than it was asked to."""


class ReportCallback(BaseCallback):
    """Tells Optuna how each evaluation of a trial went, and gives hopeless trials up."""

    def __init__(self, trial: Trial, evaluations: EvaluationCallback) -> None:
        super().__init__()
        self._trial, self._evaluations, self._told = trial, evaluations, 0

    def _on_rollout_start(self) -> None:
        from optuna import TrialPruned

        rows = self._evaluations.curve
        if len(rows) > self._told:
            self._told = len(rows)
            self._trial.report(rows[-1]["reward"], rows[-1]["timesteps"])
            if self._trial.should_prune():
                raise TrialPruned

    def _on_step(self) -> bool:
        return True


def study_settings(settings: TrainAgentSettings) -> TrainAgentSettings:
    """Those of the study in `settings.study`, as if it were resumed; the given ones for a new one.

    Raises:
        UserError: where they contradict each other, or nobody says how many trials there shall be.
    """
    folder = settings.study
    assert folder is not None
    if settings.resume is not None or settings.output is not None:
        raise UserError(f"--study {str(folder)!r} is a folder to begin or to join; drop the other")
    imported_optuna()
    if not (folder / SETTINGS_NAME).is_file():
        if settings.optimize is None:
            raise UserError("--study needs --optimize: how many trials there shall be in all")
        return settings
    stored = stored_settings(folder, TrainAgentSettings)
    if stored.optimize is None:
        raise UserError(f"the run in {str(folder)!r} is a training, no study to join")
    if settings.max_minutes not in (None, stored.max_minutes):
        raise UserError(
            f"max_minutes is {settings.max_minutes:g}, but the trials of the study in "
            f"{str(folder)!r} have {stored.max_minutes or 'no limit'}"
        )
    joined = resumed_settings(replace(settings, resume=folder))
    return replace(joined, max_minutes=stored.max_minutes)


def begun_study(settings: TrainAgentSettings, hyperparameters: dict[str, Any]) -> Path:
    """The folder of a study; the first of its workers writes down what it is about.

    Raises:
        UserError: for a folder with something else in it, or a study with other settings that
            another worker has meanwhile begun.
    """
    folder = settings.study
    assert folder is not None
    make_folder("study", folder)
    with lock(folder):
        if (folder / SETTINGS_NAME).is_file():
            resumed_settings(replace(settings, resume=folder))
            return folder
        others = [path.name for path in folder.iterdir() if not path.name.startswith(LOCK)]
        if others and others != [HYPERPARAMETERS]:  # that of a worker that died here
            raise UserError(f"{str(folder)!r} exists and holds no study, but {sorted(others)[0]!r}")
        write_json(folder / HYPERPARAMETERS, hyperparameters)
        save_settings(folder, settings)
    return folder


def optimize(settings: TrainAgentSettings, trainee: Trainee, folder: Path) -> None:
    """Do what is missing of `settings.optimize` trials; the best is written after each.

    Args:
        trainee: lends its environments to the trials.
        folder: with the journal of the trials that have been done, if any; other workers may be
            working on it.

    Raises:
        UserError: without Optuna, or where nothing is missing of a search that is no study.
    """
    imported_optuna()
    assert settings.optimize is not None
    with Worker(folder, settings.study_timeout) as worker:
        # What is known to be good is tried first: no search ends with less than it began with.
        space = search_space(settings.algorithm, trainee.environment.env_id)
        first = parameters_of(trainee.hyperparameters, space)
        shared = SharedStudy(folder, worker, settings.seed, settings.optimize, first)
        if shared.done >= settings.optimize:
            message = f"{str(folder)!r} has already done {shared.done} trials; "
            message += f"--optimize is {settings.optimize}, raise it to go on"
            if settings.study is None:
                raise UserError(message)
            print(message)
            return
        objective = objective_of(settings, trainee)
        while (trial := next_trial(shared)) is not None:
            shared.run(trial, objective)
            with lock(folder):
                write_results(folder, settings, trainee, shared.study, trial.number)
    console().print(f"best hyperparameters: {folder / BEST}")


def next_trial(shared: SharedStudy) -> Trial | None:
    """A trial for this process; while it waits for other workers it says so."""
    with Console().status("waiting for the other workers of the study") as status:
        return shared.next_trial(
            lambda running: status.update(f"waiting for {running} trials of other workers")
        )


def objective_of(settings: TrainAgentSettings, trainee: Trainee) -> Callable[[Trial], float]:
    """Trains with the hyperparameters of a trial; the mean reward of held-out episodes.

    A trial that diverges counts as one that was given up.
    """
    space = search_space(settings.algorithm, trainee.environment.env_id)
    diverged = 0

    def objective(trial: Trial) -> float:
        nonlocal diverged
        try:
            reward = trained(settings, trainee, space, trial)
        except DivergedError as error:
            diverged += 1
            if diverged >= MOST_DIVERGED:
                raise UserError(f"{diverged} trials in a row diverged; the last: {error}") from None
            print(f"trial {trial.number}: {error}")
            raise imported_optuna().TrialPruned from error
        diverged = 0
        return reward

    return objective


def trained(
    settings: TrainAgentSettings, trainee: Trainee, space: dict[str, Any], trial: Trial
) -> float:
    """The mean reward of held-out episodes after a training with the hyperparameters of a trial.

    Raises:
        DivergedError: where it diverges.
    """
    trial.set_user_attr("changes", suggested(trial, space))
    hyperparameters = merged(trainee.hyperparameters, trial.user_attrs["changes"])
    seed = settings.seed + trial.number
    model = model_for(settings, trainee.environment, hyperparameters, seed)
    evaluations = EvaluationCallback(
        trainee.held_out.bridge,
        settings.eval_every or EVAL_EVERY,
        settings.eval_every_episodes,
        settings.seed + seeds.EVALUATION,
        lambda best, evaluation: None,
        reporter(trainee.steps, f"trial {trial.number}, "),
    )
    limit = TimeLimitCallback(seconds_of(settings))
    progress = ProgressCallback(shown=shows_bars())
    watching = [DivergenceCallback(), limit, progress, evaluations]
    log_interval = algorithm_named(settings.algorithm).log_interval
    try:
        with noticed_divergence(model):
            model.learn(
                trainee.steps,
                callback=[*watching, ReportCallback(trial, evaluations)],
                log_interval=log_interval,
            )
    finally:
        progress.close()
    trial.set_user_attr(TIMESTEPS, model.num_timesteps)
    if limit.reached:
        print(f"trial {trial.number}: {limit_of(settings, model.num_timesteps, trainee.steps)}")
    return float(evaluations.curve[-1]["reward"])


def write_results(
    folder: Path, settings: TrainAgentSettings, trainee: Trainee, study: Study, number: int
) -> None:
    """All trials so far as trials.json, and the best as a hyperparameter file.

    Args:
        number: of the trial that was just done.
    """
    trials = study.get_trials()
    rows: list[dict[str, Any]] = [
        {
            "number": trial.number,
            "state": trial.state.name.lower(),
            "reward": trial.value,
            "changes": trial.user_attrs.get("changes"),
            "timesteps": trial.user_attrs.get(TIMESTEPS),
            "seconds": trial.duration.total_seconds() if trial.duration else None,
        }
        for trial in trials
    ]
    write_json(folder / "trials.json", rows)
    complete = [row for row in rows if row["state"] == "complete"]
    if not complete:
        return
    best = max(complete, key=lambda row: row["reward"])
    env_id = trainee.environment.env_id
    limit = "" if settings.max_minutes is None else f" or {settings.max_minutes:g} minutes"
    about = (
        f"# {settings.algorithm} on {env_id}: the best of {len(rows)} trials, "
        f"number {best['number']}.\n"
        f"# Mean reward {best['reward']:.3f} of {settings.eval_every_episodes} held-out episodes, "
        f"too good by the choice,\n# after {trainee.steps} steps{limit}. "
        f"For train_agent --hyperparameters.\n"
    )
    write_text(folder / BEST, about + yaml.safe_dump({env_id: best["changes"]}, sort_keys=False))
    print(f"trial {number}: {rows[number]['state']}, best reward {best['reward']:.3f}")
