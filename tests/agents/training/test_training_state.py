"""Training goes on from its file as if nothing had happened, and nothing else gets through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from safetensors.torch import save_file
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.algorithms.algorithm import ALGORITHMS, algorithm_named
from agents.saving.bundle import AgentRecord
from agents.sb3_vec_env import GymnasiumVecEnv
from agents.training.callbacks import CurveCallback, EvaluationCallback, TimeLimitCallback
from agents.training.checkpoints import CheckpointCallback
from agents.training.global_random import global_random_state, set_global_random_state
from agents.training.model_state import ModelState, model_state
from agents.training.training_state import (
    NAME,
    load_training_state,
    read_record,
    save_training_state,
)
from gqn_rl.errors import UserError
from tests.agents.conftest import small_model, small_sac_model
from tests.agents.fake_env import FakeRecognitionEnv, fake_vector_env

MODELS: dict[str, Any] = {
    "ppo": lambda **changes: small_model(4, n_steps=16, batch_size=32, **changes),
    "sac": lambda **changes: small_sac_model(
        4, learning_starts=40, batch_size=16, gradient_steps=1, **changes
    ),
}
PLAIN = {"policy": "MultiInputPolicy", "policy_kwargs": {}, "aux_coef": 0.0}
HYBRID = {"continuous": True}
MOVES = {"policy": "MovePolicy", "policy_kwargs": {}, "aux_coef": 0.0, "prospects": True}
RECORDS = {
    algo: AgentRecord(algo, "AnswerPolicy", {}, 4, "Fake-v0", {}, {}, {}) for algo in ALGORITHMS
}
FIRST, TOTAL = 128, 320


def save(folder: Path, model: BaseAlgorithm, notes: dict[str, Any] | None = None) -> None:
    save_training_state(folder, model, bridge_of(model), RECORDS[algo_of(model)], notes or {})


def algo_of(model: BaseAlgorithm) -> str:
    (algo,) = (algo for algo in ALGORITHMS if isinstance(model, algorithm_named(algo).model))
    return algo


def bridge_of(model: BaseAlgorithm) -> GymnasiumVecEnv:
    assert isinstance(model.env, GymnasiumVecEnv)
    return model.env


def differences(one: BaseAlgorithm, other: BaseAlgorithm) -> list[str]:
    """The names of the arrays that are not equal to the bit, and of unequal numbers."""
    algorithm = algorithm_named(algo_of(one))
    first, second = (model_state(model, bridge_of(model), algorithm) for model in (one, other))
    assert first.arrays.keys() == second.arrays.keys()
    names = [k for k, v in first.arrays.items() if not np.array_equal(v, second.arrays[k])]
    numbers = [
        json.loads(json.dumps(state.numbers | {"episodes": untimed(state)}))
        for state in (first, second)
    ]
    return names + [k for k, v in numbers[0].items() if v != numbers[1][k]]


def untimed(state: ModelState) -> list[tuple[float, int]]:
    """Return and length of the last episodes, without the time at which they ended."""
    return [(episode["r"], episode["l"]) for episode in state.numbers["episodes"]]


@pytest.mark.parametrize(
    ("algo", "changes"),
    [(a, c) for a in ALGORITHMS for c in ({}, PLAIN)]
    + [("sac", MOVES), ("ppo", HYBRID), ("ppo", HYBRID | MOVES)],
)
def test_a_resumed_training_equals_the_one_that_went_on(
    algo: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    straight = MODELS[algo](**changes)

    def save_once() -> None:
        if not (tmp_path / NAME).exists() and straight.num_timesteps >= FIRST:
            save(tmp_path, straight, {"a": [1]})

    straight.learn(TOTAL, callback=CheckpointCallback(save_once, 1), log_interval=100)
    other = MODELS[algo](seed=9, **changes)
    other.learn(70, log_interval=100)  # whatever it was before
    notes = load_training_state(tmp_path, other, bridge_of(other))
    assert notes == {"a": [1]}
    assert FIRST <= other.num_timesteps < TOTAL
    assert differences(straight, other)
    left = TOTAL - other.num_timesteps
    other.learn(left, reset_num_timesteps=False, log_interval=100)
    assert differences(straight, other) == []


def test_global_generators_go_on_from_their_states() -> None:
    import random

    def draws() -> list[float]:
        legacy = np.random.normal(size=3)  # noqa: NPY002 - what is under test
        return [random.gauss(0, 1), *legacy, *torch.rand(3).tolist()]

    draws()  # leaves half a pair of normal numbers behind
    arrays, numbers = global_random_state()
    numbers = json.loads(json.dumps(numbers))
    expected = draws()
    set_global_random_state(arrays, numbers)
    assert draws() == expected


def test_a_failed_save_leaves_the_last_good_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MODELS["ppo"]().learn(64)
    save(tmp_path, model)
    before = (tmp_path / NAME).read_bytes()

    def full_disk(arrays: object, path: Path, metadata: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        save(tmp_path, model)
    assert (tmp_path / NAME).read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
    load_training_state(tmp_path, model, bridge_of(model))


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    model = MODELS["ppo"]().learn(64)
    save(tmp_path, model)
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match="cannot resume from") as error:
        read_record(tmp_path)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="cannot resume from"):
        load_training_state(tmp_path, model, bridge_of(model))


def test_what_is_no_training_or_another_is_refused(tmp_path: Path) -> None:
    model = MODELS["ppo"]().learn(64)
    with pytest.raises(UserError, match="does not exist"):
        load_training_state(tmp_path, model, bridge_of(model))
    save_file({"x": torch.zeros(2)}, tmp_path / NAME)
    with pytest.raises(UserError, match="cannot resume"):
        load_training_state(tmp_path, model, bridge_of(model))
    save(tmp_path, model)
    kwargs = {"net_arch": {"pi": [8], "vf": [8]}, "features_extractor_kwargs": {"hidden": [32, 32]}}
    for other in (MODELS["ppo"](policy_kwargs=kwargs), MODELS["sac"]()):
        with pytest.raises(UserError, match="cannot resume"):
            load_training_state(tmp_path, other, bridge_of(other))


def test_environments_that_cannot_be_saved_are_named() -> None:
    rows = SyncVectorEnv([FakeRecognitionEnv] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    bridge = GymnasiumVecEnv(rows)
    bridge.reset()
    with pytest.raises(UserError, match="SyncVectorEnv has no snapshot"):
        bridge.snapshot()
    assert isinstance(rows, gymnasium.vector.VectorEnv)


def checkpointed(every: int, limit: float = 1e9, **flags: Any) -> tuple[list[int], BaseAlgorithm]:
    """The steps at which a training of 256 steps was saved."""
    saved: list[int] = []
    model = MODELS["ppo"]()
    limited = TimeLimitCallback(limit)
    checkpoints = CheckpointCallback(
        lambda: saved.append(model.num_timesteps), every, ending=lambda: limited.reached, **flags
    )
    try:
        model.learn(256, callback=[limited, checkpoints])
    except KeyboardInterrupt:
        saved.append(-1)
    return saved, model


def test_saves_come_between_rollouts_and_at_both_ends() -> None:
    assert checkpointed(100)[0] == [0, 128, 256]
    assert checkpointed(1)[0] == [0, 64, 128, 192, 256]


def test_the_step_that_ends_a_training_early_is_not_saved() -> None:
    saved, model = checkpointed(1000, limit=0.0)
    assert saved == [0]
    assert model.num_timesteps == 4  # a step of a rollout that does not count


def test_an_interruption_is_saved_before_it_stops_training() -> None:
    asked: list[bool] = []

    def interrupted() -> bool:
        asked.append(True)
        return len(asked) == 3

    saved, model = checkpointed(1000, interrupted=interrupted)
    assert saved == [0, 128, -1]
    assert model.num_timesteps == 128


def test_callbacks_go_on_with_their_curves() -> None:
    def callbacks() -> tuple[CurveCallback, EvaluationCallback]:
        env = GymnasiumVecEnv(fake_vector_env(4))
        return CurveCallback(50), EvaluationCallback(env, 100, 8, 500, lambda m, e: best.append(e))

    best: list[Any] = []
    straight = callbacks()
    model = MODELS["ppo"]()
    states: list[dict[str, Any]] = []
    # After the second rollout, as a checkpoint would be.
    saves = CheckpointCallback(
        lambda: states.append(json.loads(json.dumps([c.state() for c in straight]))), 1
    )
    model.learn(256, callback=[*straight, saves])
    count = len(best)
    for callback, state in zip(resumed := callbacks(), states[2], strict=True):
        callback.load_state(state)
        assert callback.curve == [r for r in callback.curve if r["timesteps"] <= 128]
    model.num_timesteps = 128
    model.learn(128, callback=list(resumed), reset_num_timesteps=False)
    for one, other in zip(straight, resumed, strict=True):
        steps = [[row["timesteps"] for row in callback.curve] for callback in (one, other)]
        assert steps[0] == steps[1]
        seconds = [row["seconds"] for row in other.curve]
        assert seconds == sorted(seconds)
    assert resumed[1].best_reward >= states[2][1]["best"]
    assert len(best) >= count
