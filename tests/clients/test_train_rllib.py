"""`train_rllib` with a real Ray: it trains, survives, goes on and refuses."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import train_rllib
from experiments.rllib import cluster as cluster_module
from experiments.rllib.agent import load_agent
from experiments.rllib.algorithm import learned_weights
from experiments.rllib.settings import TrainRllibSettings
from experiments.rllib.training import RLlibTraining
from experiments.shared.command import EXIT_BAD_INPUT, EXIT_INTERRUPTED
from tests.experiments.running import run

pytestmark = pytest.mark.client("ray")

CPUS = 3
# The truth as observation needs no encoder and no rendering.
SMALL = {"observation": "state", "gallery_size": 3, "num_envs_per_env_runner": 4}
SMALL |= {"eval_every": 200, "eval_every_episodes": 8, "eval_episodes": 16}
SMALL |= {"checkpoint_every": 100, "hyper": "n_steps=16"}
ROLLOUT = 2 * 4 * 16
"""Steps of one iteration of two env runners, at least."""


@pytest.fixture(scope="module", autouse=True)
def ray_here() -> Iterator[None]:
    """Ray on this machine alone, for all tests of the file: `cluster` takes one that is there."""
    with cluster_module.cluster(None, CPUS, 0):
        yield


def command(monkeypatch: pytest.MonkeyPatch, **flags: Any) -> int:
    return run(monkeypatch, train_rllib, TrainRllibSettings, **flags)


def metrics_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "metrics.json").read_text()))


def on_runners(training: RLlibTraining, function: Any) -> list[Any]:
    """What a function of the env runner returns in each of them."""
    group = training._algorithm.env_runner_group
    return list(group.foreach_env_runner(function, local_env_runner=False))


def after_iterations(monkeypatch: pytest.MonkeyPatch, watch: Any) -> None:
    """Have `watch(training, number of iterations)` called after each."""
    iterate, count = RLlibTraining._iterate, [0]

    def watched(training: RLlibTraining) -> None:
        iterate(training)
        count[0] += 1
        watch(training, count[0])

    monkeypatch.setattr(RLlibTraining, "_iterate", watched)


@pytest.mark.parametrize("env_id", ["GQNShepard-v0", "GQNShepardViewPredictionContinuous-v0"])
def test_a_run_leaves_an_agent_and_what_was_measured(
    env_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    folder = tmp_path / "run"
    flags = SMALL if env_id == "GQNShepard-v0" else SMALL | {"encoder": "random"}
    flags = {name: value for name, value in flags.items() if "gallery" not in name}
    code = command(monkeypatch, **flags, env_id=env_id, total_timesteps=2 * ROLLOUT, output=folder)
    assert code == 0
    assert "left out: " in capsys.readouterr().out
    metrics = metrics_of(folder)
    assert metrics["timesteps"] >= 2 * ROLLOUT
    assert metrics["episodes"] == metrics["baselines"]["random"]["episodes"] == 16
    assert metrics["env_runners"] == {"number": 2, "restarts": 0}
    for name in ("curves.csv", "learning_curve.png", "episode.png", "settings.json"):
        assert (folder / name).stat().st_size > 0
    agent = load_agent(folder)
    assert agent.record.env_id == env_id
    assert agent.record.training["timesteps"] == metrics["timesteps"]


def test_a_killed_env_runner_is_replaced_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def watch(training: RLlibTraining, iterations: int) -> None:
        seeds = on_runners(training, lambda r: (os.getpid(), r.env.unwrapped.np_random_seed))
        if iterations == 1:
            seen["first"], seen["victim"] = dict(seeds), seeds[0][0]
            os.kill(seen["victim"], signal.SIGKILL)
        elif len(seeds) == 2 and None not in seeds[0][1] + seeds[1][1]:  # both have played
            seen["last"] = dict(seeds)
            training._steps = training.progressed.timesteps

    after_iterations(monkeypatch, watch)
    flags = SMALL | {"total_timesteps": 10**6, "max_minutes": 4}
    assert command(monkeypatch, **flags, output=tmp_path / "run") == 0
    metrics = metrics_of(tmp_path / "run")
    assert not metrics["time_limit_reached"]
    assert metrics["timesteps"] >= 2 * ROLLOUT
    assert metrics["env_runners"]["restarts"] >= 1
    # The one that was spared has lived on, beside a new one with episodes of its own.
    assert seen["victim"] not in seen["last"]
    assert len(seen["first"].keys() & seen["last"].keys()) == 1
    every_seed = [seed for seeds in (seen["first"] | seen["last"]).values() for seed in seeds]
    assert len(set(every_seed)) == len(every_seed) == 3 * 4


def test_an_interrupted_run_goes_on_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    folder, weights = tmp_path / "a run", {}

    def stop(training: RLlibTraining, iterations: int) -> None:
        if iterations == 3:
            weights.update(learned_weights(training._algorithm))
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        after_iterations(patch, stop)
        code = command(patch, **SMALL, total_timesteps=5 * ROLLOUT, output=folder)
    assert code == EXIT_INTERRUPTED
    assert f"--resume '{folder}'" in capsys.readouterr().err
    assert not (folder / "metrics.json").exists()

    taken_up: list[bool] = []
    train = RLlibTraining.train

    def compared(training: RLlibTraining) -> None:
        now = learned_weights(training._algorithm)
        taken_up.append(all(np.array_equal(weights[name], now[name]) for name in weights))
        assert training.first_step >= 3 * ROLLOUT
        train(training)

    monkeypatch.setattr(RLlibTraining, "train", compared)
    assert command(monkeypatch, resume=folder) == 0
    assert taken_up == [True]
    assert metrics_of(folder)["timesteps"] >= 5 * ROLLOUT
    steps = [int(row.split(",")[1]) for row in (folder / "curves.csv").read_text().split()[1:]]
    assert min(steps) < 3 * ROLLOUT  # what came before the interruption is still there

    assert command(monkeypatch, resume=folder) == EXIT_BAD_INPUT
    assert "raise it to go on" in capsys.readouterr().err


def test_learners_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []

    def compare(training: RLlibTraining, iterations: int) -> None:
        group = training._algorithm.learner_group
        results = group.foreach_learner(lambda learner: learner.module.get_state())
        found.append([result.get()["default_policy"] for result in results])

    after_iterations(monkeypatch, compare)
    flags = SMALL | {"num_env_runners": 1, "num_learners": 2, "total_timesteps": 64}
    assert command(monkeypatch, **flags, output=tmp_path / "run") == 0
    one, other = found[-1]
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_a_cluster_that_can_never_hold_the_actors_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    flags = SMALL | {"num_env_runners": CPUS + 1}
    assert command(monkeypatch, **flags, output=tmp_path / "run") == EXIT_BAD_INPUT
    message = f"env runners and learners need {CPUS + 1} CPUs, the Ray cluster has {CPUS}"
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_listener_that_is_no_cluster_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "JOIN_SECONDS", 6.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ValueError, match="no Ray answered within 6 s"):
            cluster_module.join(cluster_module.imported_ray(), address)


def test_an_unknown_id_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert command(monkeypatch, env_id="GQNShepherd-v0") == EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert "unknown env-id 'GQNShepherd-v0'" in error
    assert error.count("\n") == 1
