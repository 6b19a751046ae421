"""The search for hyperparameters: many short trainings, the next chosen by those before.

The run folder holds Optuna's journal, from which the search goes on after a crash, trials.json and
hyperparameters.yml, the best so far, which `train_agent --hyperparameters` takes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from rich.console import Console
from stable_baselines3.common.callbacks import BaseCallback

from agents.callbacks import EvaluationCallback, ProgressCallback, TimeLimitCallback
from agents.factory import ALGORITHMS, make_model, merged
from agents.search import search_space, suggested
from experiments.agent_report import EVALUATION_SEED
from experiments.agent_settings import TrainAgentSettings
from experiments.agent_training import Trainee
from gqn_rl.errors import UserError
from gqn_rl.files import write_json, write_text

if TYPE_CHECKING:
    from optuna import Study, Trial

JOURNAL, BEST = "optuna.journal", "hyperparameters.yml"
STUDY = "train_agent"


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


def optimize(settings: TrainAgentSettings, trainee: Trainee, folder: Path) -> None:
    """Do what is missing of `settings.optimize` trials; the best is written after each.

    Args:
        trainee: lends its environments to the trials.
        folder: with the journal of the trials that have been done, if any.

    Raises:
        UserError: without Optuna, or where nothing is missing.
    """
    optuna = imported_optuna()
    assert settings.optimize is not None
    study = opened_study(folder / JOURNAL, settings.seed)
    mend(study)
    finished = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    done = len(study.get_trials(deepcopy=False, states=finished))
    if done >= settings.optimize:
        raise UserError(
            f"{str(folder)!r} has already done {done} trials; "
            f"--optimize is {settings.optimize}, raise it to go on"
        )
    study.optimize(
        objective_of(settings, trainee),
        n_trials=settings.optimize - done,
        callbacks=[lambda study, trial: write_results(folder, settings, trainee, study)],
    )
    Console().print(f"best hyperparameters: {folder / BEST}")


def objective_of(settings: TrainAgentSettings, trainee: Trainee) -> Callable[[Trial], float]:
    """Trains with the hyperparameters of a trial; the mean reward of held-out episodes."""
    space = search_space(settings.algo, trainee.environment.env_id)

    def objective(trial: Trial) -> float:
        trial.set_user_attr("changes", suggested(trial, space))
        hyperparameters = merged(trainee.hyperparameters, trial.user_attrs["changes"])
        model = make_model(
            settings.algo,
            trainee.environment.bridge,
            hyperparameters,
            num_answers=trainee.environment.num_answers,
            seed=settings.seed + trial.number,
            device=settings.device,
        )
        evaluations = EvaluationCallback(
            trainee.held_out.bridge,
            settings.eval_every,
            settings.eval_every_episodes,
            settings.seed + EVALUATION_SEED,
            lambda best, evaluation: None,
        )
        limit, progress = TimeLimitCallback(settings.time_limit), ProgressCallback()
        callbacks = [limit, progress, evaluations, ReportCallback(trial, evaluations)]
        log_interval = ALGORITHMS[settings.algo].episodes_per_log or 1
        try:
            model.learn(trainee.steps, callback=callbacks, log_interval=log_interval)
        finally:
            progress.close()
        return float(evaluations.curve[-1]["reward"])

    return objective


def imported_optuna() -> Any:
    """The module, quiet; `UserError` where it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise UserError("--optimize needs Optuna: pip install 'gqn-rl[optimize]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def opened_study(journal: Path, seed: int) -> Study:
    """The study in a journal file, a new one if there is none."""
    optuna = imported_optuna()
    from optuna.storages.journal import JournalFileBackend

    storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
    study: Study = optuna.create_study(
        study_name=STUDY, storage=storage, direction="maximize", load_if_exists=True
    )
    # Without the number of trials a resumed search would draw its first trials again.
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.get_trials(deepcopy=False)))
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=5)
    return study


def mend(study: Study) -> None:
    """Do trials that a crash or Ctrl-C ended again."""
    optuna = imported_optuna()
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial(trial.params)


def write_results(
    folder: Path, settings: TrainAgentSettings, trainee: Trainee, study: Study
) -> None:
    """All trials so far as trials.json, and the best as a hyperparameter file."""
    trials = study.get_trials()
    rows: list[dict[str, Any]] = [
        {
            "number": trial.number,
            "state": trial.state.name.lower(),
            "reward": trial.value,
            "changes": trial.user_attrs.get("changes"),
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
    about = (
        f"# {settings.algo} on {env_id}: the best of {len(rows)} trials, number {best['number']}.\n"
        f"# Mean reward {best['reward']:.3f} of {settings.eval_every_episodes} held-out episodes, "
        f"too good by the choice,\n# after {trainee.steps} steps or {settings.time_limit:.0f} "
        f"seconds. For train_agent --hyperparameters.\n"
    )
    write_text(folder / BEST, about + yaml.safe_dump({env_id: best["changes"]}, sort_keys=False))
    print(f"trial {rows[-1]['number']}: {rows[-1]['state']}, best reward {best['reward']:.3f}")
