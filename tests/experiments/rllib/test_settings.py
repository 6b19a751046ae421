"""What `train_rllib` refuses before Ray is started, and without it."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from experiments import train_rllib
from experiments.agent.environment import make_environment
from experiments.rllib.algorithm import batch_sizes, env_config, rows_per_runner
from experiments.rllib.cluster import reason_in, require_listener, require_room
from experiments.rllib.hyperparameters import Translation
from experiments.rllib.settings import TrainRllibSettings, check
from experiments.shared.command import EXIT_BAD_INPUT, save_settings
from experiments.shared.continuation import resumed
from gqn_rl.errors import UserError
from tests.experiments.running import run


def test_without_the_extra_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    code = run(monkeypatch, train_rllib, TrainRllibSettings, env_id="GQNShepard-v0")
    assert code == EXIT_BAD_INPUT
    assert capsys.readouterr().err == ('error: RLlib is not installed; pip install "gqn-rl[ray]"\n')


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_env_runners": 0}, "num_env_runners is 0, expected more than 0"),
        ({"num_learners": -1}, "num_learners is -1, expected at least 0"),
        ({"total_timesteps": -5}, "total_timesteps is -5"),
        ({"seed": -1}, "seed is -1, expected at least 0"),
        ({"observation": "pixels"}, "unknown observation 'pixels'"),
    ],
)
def test_numbers_and_names_that_cannot_be_meant_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check(replace(TrainRllibSettings(), **changes))


@pytest.mark.parametrize("address", ["here", "host:", ":1", "ray://host:10001", "host:70000"])
def test_an_address_has_a_host_and_a_port(address: str) -> None:
    with pytest.raises(UserError, match="expected HOST:PORT"):
        require_listener(address)


def test_a_port_that_nobody_listens_to_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(UserError, match=f"cannot join the Ray cluster at '{address}'"):
            require_listener(address)


def test_the_reason_is_rays_last_line_or_the_missing_token() -> None:
    assert reason_in("Traceback ...\nConnectionError: no Ray\n") == "ConnectionError: no Ray"
    assert reason_in("") == "Ray gave no reason"
    output = "ray.exceptions.AuthenticationError: InvalidAuthToken\nConnectionError: failed\n"
    assert "asks for a token; set RAY_AUTH_MODE=token" in reason_in(output)


def test_a_cluster_that_is_too_small_is_refused() -> None:
    require_room({"CPU": 4.0}, 4, 0)
    with pytest.raises(UserError, match="need 5 CPUs, the Ray cluster has 4"):
        require_room({"CPU": 4.0}, 5, 0)
    with pytest.raises(UserError, match=r"need 1\.5 GPUs, the Ray cluster has 0"):
        require_room({"CPU": 4.0}, 2, 1.5)


@pytest.mark.parametrize(
    ("runners", "rows", "learners", "expected"),
    [
        # 64 environments of 32 steps are 2,048; the minibatch is 512.
        (2, None, 0, (32, 2048, 512)),
        (5, None, 1, (13, 5 * 13 * 32, 512)),
        (2, None, 4, (32, 512, 128)),
        (8, 64, 2, (64, 8 * 64 * 32 // 2, 256)),
        (1, 2, 0, (2, 64, 64)),
    ],
)
def test_batches_are_shared_among_env_runners_and_learners(
    runners: int, rows: int | None, learners: int, expected: tuple[int, int, int]
) -> None:
    settings = TrainRllibSettings(
        num_env_runners=runners, num_envs_per_env_runner=rows, num_learners=learners
    )
    translation = Translation({}, {}, 1, num_envs=64, n_steps=32, batch_size=512, left_out=())
    rollout, minibatch = batch_sizes(settings, translation)
    assert (rows_per_runner(settings, translation), rollout, minibatch) == expected


def test_a_resumed_run_keeps_its_settings(tmp_path: Path) -> None:
    stored = TrainRllibSettings(seed=3, total_timesteps=100, hyper=("gamma=0.9",), output=tmp_path)
    save_settings(tmp_path, stored)
    given = TrainRllibSettings(resume=tmp_path, total_timesteps=200, address="auto")
    settings = resumed(given)
    assert (settings.seed, settings.hyper) == (3, ("gamma=0.9",))
    assert (settings.total_timesteps, settings.address) == (200, "auto")
    with pytest.raises(UserError, match="has seed 3, but --seed is 4"):
        resumed(replace(given, seed=4))
    with pytest.raises(UserError, match="does not exist"):
        resumed(replace(given, resume=tmp_path / "none"))


@pytest.mark.parametrize(
    ("env_id", "settings", "encoder"),
    [
        ("GQNShepardMentalRotation-v0", TrainRllibSettings(), "cells"),
        ("GQNShepard-v0", TrainRllibSettings(encoder="random"), "random"),
        ("GQNShepard-v0", TrainRllibSettings(observation="state"), None),
    ],
)
def test_env_runners_are_told_the_encoder_that_is_used_and_no_other(
    env_id: str, settings: TrainRllibSettings, encoder: str | None
) -> None:
    environment = make_environment(env_id, 1, settings.arguments())
    try:
        assert env_config(settings, environment).get("encoder") == encoder
    finally:
        environment.close()
