"""Train an agent that looks around an object before it answers, then measure how good it is.

The run folder holds the best agent (agent.safetensors, agent.json), settings.json, metrics.json,
curves.csv, learning_curve.png, episode.png, TensorBoard logs and what --resume needs. The best
agent so far is there from the first evaluation on. Ctrl-C saves after the rollout in progress;
--resume goes on from there, or from the last save before a crash, as if nothing had happened.

With --optimize N, the run folder holds N short trainings' results and the best hyperparameters;
with --study FOLDER besides, several such commands share the work.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.agent.settings import (
    TrainAgentSettings,
    check_numbers,
    limit_of,
    resumed_settings,
    supervision_of,
)
from experiments.shared.command import (
    SETTINGS_NAME,
    new_run_folder,
    run_command,
    save_settings,
)
from experiments.shared.continuation import (
    METRICS_NAME,
    require_something_to_do,
    say_how_to_go_on,
)
from experiments.shared.terminal import shows_bars
from experiments.shared.threads import use_threads_for_small_batches
from gqn_rl.files import write_json
from gqn_rl.training.interruption import noted_interruption

if TYPE_CHECKING:
    from experiments.agent.training import Trainee


def main(settings: TrainAgentSettings) -> None:
    """Train, measure, write the run folder."""
    from agents.search.study import JOURNAL
    from agents.training.training_state import NAME as STATE
    from experiments.agent.optimization import begun_study, optimize, study_settings
    from experiments.agent.training import make_trainee

    start = time.monotonic()
    check_numbers(settings)
    use_threads_for_small_batches(settings.threads)
    if settings.study is not None:
        settings = study_settings(settings)
    elif settings.resume is not None:
        settings = resumed_settings(settings)
    if settings.resume is None:
        settings = replace(settings, observation=settings.shown)
    with new_folder(settings) as folder:
        trainee = make_trainee(settings)
    try:
        folder = folder or settings.resume or begun_study(settings, trainee.hyperparameters)
        if settings.optimize is None:
            train_and_measure(settings, trainee, folder, start)
        else:
            save_settings(folder, replace(settings, resume=None))
            optimize(settings, trainee, folder)
    except KeyboardInterrupt:
        if folder is not None and any((folder / name).exists() for name in (STATE, JOURNAL)):
            flag = "--resume" if settings.study is None else "--study"
            say_how_to_go_on("train_agent", folder, flag)
        raise
    finally:
        trainee.close()


def train_and_measure(
    settings: TrainAgentSettings, trainee: Trainee, folder: Path, start: float
) -> None:
    """The run from its beginning, or from where it was saved, to its end."""
    from agents.saving.bundle import load_bundle
    from experiments.agent.report import describe, report
    from experiments.agent.training import AgentTraining

    with noted_interruption() as interrupted:
        run = AgentTraining(settings, trainee, folder, interrupted)
        if settings.resume is not None:
            require_something_to_do(folder, trainee.model.num_timesteps, trainee.steps)
            save_settings(folder, replace(settings, resume=None))
        training = run.train()
    agent = load_bundle(folder, settings.device)
    metrics = report(folder, trainee.measured, training, agent, settings.eval_episodes)
    metrics |= {
        "supervision": supervision_of(trainee.hyperparameters),
        "shapes": trainee.measured.env_kwargs.get("shapes", "train"),
        "best_at": agent.record.training,
        "wall_seconds": round(time.monotonic() - start, 1),
    }
    write_json(folder / METRICS_NAME, metrics)
    print(f"{describe(metrics)}\n{folder}")
    if training.timed_out:
        print(limit_of(settings, training.timesteps, trainee.steps), file=sys.stderr)
        say_how_to_go_on("train_agent", folder)


@contextmanager
def new_folder(settings: TrainAgentSettings) -> Iterator[Path | None]:
    """The folder of a new run with its settings, which an error inside the block takes away again;
    None for one that is resumed or shared."""
    from experiments.agent.training import HYPERPARAMETERS, hyperparameters_of

    if settings.resume is not None or settings.study is not None:
        yield None
        return
    hyperparameters = hyperparameters_of(settings)  # refuses what cannot be before anything is made
    folder = new_run_folder(settings.output, "train_agent")
    try:
        save_settings(folder, settings)
        write_json(folder / HYPERPARAMETERS, hyperparameters)
        if not shows_bars():
            print(folder, flush=True)
        yield folder
    except BaseException:
        for name in (SETTINGS_NAME, HYPERPARAMETERS):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()
        raise


if __name__ == "__main__":
    run_command(main, TrainAgentSettings, __doc__)
