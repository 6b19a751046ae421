"""Train an agent by Ray RLlib's PPO, on this machine or on a cluster, then measure how good it is.

The run folder holds the best policy (module.safetensors, module.json), settings.json,
hyperparameters.json, metrics.json, curves.csv, learning_curve.png, episode.png and checkpoints/,
from which --resume goes on. An env runner that dies is started again and training goes on; Ctrl-C
saves after the rollout in progress. Needs the extra "ray".
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from experiments.agent.settings import limit_of
from experiments.rllib.settings import ALGO, TrainRllibSettings, check
from experiments.shared.command import new_run_folder, run_command, save_settings
from experiments.shared.continuation import (
    METRICS_NAME,
    require_something_to_do,
    resumed,
    say_how_to_go_on,
)
from experiments.shared.threads import use_threads_for_small_batches
from gqn_rl.files import write_json
from gqn_rl.training.interruption import noted_interruption

if TYPE_CHECKING:
    from experiments.agent.environment import AgentEnvironment
    from experiments.rllib.hyperparameters import Translation
    from experiments.rllib.training import RLlibTraining


def main(settings: TrainRllibSettings) -> None:
    """Train, measure, write the run folder."""
    from experiments.agent.environment import make_environment
    from experiments.agent.report import describe
    from experiments.rllib.checkpoints import newest_notes
    from experiments.rllib.cluster import AUTO, imported_ray, require_listener
    from experiments.rllib.hyperparameters import translate
    from experiments.rllib.report import report

    start = time.monotonic()
    check(settings)
    use_threads_for_small_batches(settings.threads)
    if settings.address not in (None, AUTO):
        require_listener(str(settings.address))  # before anything that takes time
    if settings.resume is not None:
        settings = resumed(settings)
    translation = translate(settings.hyperparameters_of(ALGO), settings.total_timesteps)
    imported_ray()
    if settings.resume is not None:
        _, notes = newest_notes(settings.resume)
        require_something_to_do(settings.resume, notes["timesteps"], translation.steps)
    held_out = make_environment(settings.env_id, translation.num_envs, settings.arguments())
    try:
        folder, training = train(settings, translation, held_out)
        metrics = report(folder, settings, held_out, training)
    finally:
        held_out.close()
    metrics["wall_seconds"] = round(time.monotonic() - start, 1)
    write_json(folder / METRICS_NAME, metrics)
    print(f"{describe(metrics)}\n{folder}")
    if metrics["time_limit_reached"]:
        print(limit_of(settings, metrics["timesteps"], translation.steps), file=sys.stderr)
        say_how_to_go_on("train_rllib", folder)


def train(
    settings: TrainRllibSettings, translation: Translation, held_out: AgentEnvironment
) -> tuple[Path, RLlibTraining]:
    """Train on the cluster; the run folder and what came of it."""
    from experiments.rllib.checkpoints import checkpoints
    from experiments.rllib.cluster import cluster
    from experiments.rllib.training import RLlibTraining

    if translation.note():
        print(translation.note())
    with cluster(settings.address, *needs(settings)), noted_interruption() as interrupted:
        folder = settings.resume or new_run_folder(settings.output, "train_rllib")
        save_settings(folder, replace(settings, resume=None))
        write_json(folder / "hyperparameters.json", as_json(settings, translation))
        try:
            with Console().status("starting env runners and learners"):
                training = RLlibTraining(settings, translation, held_out, folder, interrupted)
            training.train()
            if interrupted():
                raise KeyboardInterrupt
        except BaseException:
            if checkpoints(folder):
                say_how_to_go_on("train_rllib", folder)
            raise
    return folder, training


def needs(settings: TrainRllibSettings) -> tuple[int, float]:
    """CPUs and GPUs of all actors: one CPU each, save for a learner that has a GPU."""
    cpus = settings.num_env_runners
    cpus += 0 if settings.num_gpus_per_learner else settings.num_learners
    gpus = settings.num_env_runners * settings.num_gpus_per_env_runner
    return cpus, gpus + settings.num_learners * settings.num_gpus_per_learner


def as_json(settings: TrainRllibSettings, translation: Translation) -> dict[str, Any]:
    """What RLlib was given, and what it was not."""
    from experiments.rllib.algorithm import batch_sizes

    rollout, minibatch = batch_sizes(settings, translation)
    training = translation.training | {
        "train_batch_size_per_learner": rollout,
        "minibatch_size": minibatch,
    }
    plain = {key: "inf" if value == math.inf else value for key, value in training.items()}
    return {
        "training": plain,
        "model": translation.model,
        "left_out": list(translation.left_out),
    }


if __name__ == "__main__":
    run_command(main, TrainRllibSettings, __doc__)
