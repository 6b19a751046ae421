"""What users of Stable-Baselines3 do with algorithms, done with each of ours on any observation."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.wrappers import FlattenObservation, TransformObservation
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from agents.algorithms.answer_ppo import AnswerPPO
from agents.algorithms.answer_sac import AnswerSAC
from agents.algorithms.replay import TargetReplayBuffer
from agents.policies.answers.policy import AnswerPolicy
from agents.policies.answers.sac_policy import AnswerSACPolicy
from agents.policies.hybrid.policy import HybridPolicy
from agents.policies.moves.hybrid_policy import HybridMovePolicy
from agents.policies.moves.sac_policy import MoveSACPolicy
from gqn_rl.errors import UserError
from tests.agents.fake_env import NUM_ANSWERS, FakeRecognitionEnv

PARTS: dict[str, tuple[spaces.Space, Callable[[Any], Any]]] = {
    "counted": (spaces.Discrete(3), lambda seen: np.int64(seen["viewpoint"].argmax() % 3)),
    "flags": (spaces.MultiBinary(2), lambda seen: (seen["viewpoint"][:2] > 0).astype(np.int8)),
    "digits": (spaces.MultiDiscrete([2, 3]), lambda seen: np.array([1, 2])),
    "picture": (
        spaces.Box(0, 255, (3, 36, 36), np.uint8),
        lambda seen: np.full((3, 36, 36), int(seen["looks_left"][0] * 255), np.uint8),
    ),
}
"""Parts of an observation beside the fake task's own, and how they are made of those."""


def with_parts(env: gymnasium.Env) -> gymnasium.Env:
    """The fake task, told in every kind of space."""
    seen: Any = env.observation_space
    space = spaces.Dict({**seen.spaces, **{key: part for key, (part, _) in PARTS.items()}})
    more = {key: make for key, (_, make) in PARTS.items()}
    return TransformObservation(env, lambda x: {**x, **{k: f(x) for k, f in more.items()}}, space)


OBSERVED: dict[str, Callable[[gymnasium.Env], gymnasium.Env]] = {
    "parts": lambda env: env,
    "every kind of part": with_parts,
    "one box": FlattenObservation,
}
ANSWERS: dict[str, Any] = {
    "num_answers": NUM_ANSWERS,
    "aux_batch_size": 8,
    "aux_updates": 2,
    "policy_kwargs": {
        "num_answers": NUM_ANSWERS,
        "features_extractor_kwargs": {"hidden": [16], "image_features": 8},
    },
}
PPO_SETTINGS: dict[str, Any] = {"n_steps": 8, "batch_size": 8, "n_epochs": 2}
SAC_SETTINGS: dict[str, Any] = {"learning_starts": 8, "batch_size": 8, "buffer_size": 200}
MODELS: dict[str, tuple[type[BaseAlgorithm], Any, dict[str, Any]]] = {
    "ppo": (AnswerPPO, AnswerPolicy, {**ANSWERS, **PPO_SETTINGS}),
    "hybrid ppo": (AnswerPPO, HybridPolicy, {**ANSWERS, **PPO_SETTINGS}),
    "hybrid ppo of moves": (AnswerPPO, HybridMovePolicy, {"aux_coef": 0.0, **PPO_SETTINGS}),
    "ppo alone": (AnswerPPO, "MultiInputPolicy", {"aux_coef": 0.0, **PPO_SETTINGS}),
    "sac": (AnswerSAC, AnswerSACPolicy, {**ANSWERS, **SAC_SETTINGS}),
    "sac of moves": (AnswerSAC, MoveSACPolicy, {"aux_coef": 0.0, **SAC_SETTINGS}),
    "sac alone": (AnswerSAC, "MultiInputPolicy", {"aux_coef": 0.0, **SAC_SETTINGS}),
    "ppo on a box": (AnswerPPO, "MlpPolicy", {"aux_coef": 0.0, **PPO_SETTINGS}),
    "sac on a box": (AnswerSAC, "MlpPolicy", {"aux_coef": 0.0, **SAC_SETTINGS}),
}


def rows(name: str, observed: str = "", num_envs: int = 2) -> VecEnv:
    """Environments for a model of that name."""
    observed = observed or ("one box" if "box" in name else "parts")
    options = {"continuous": "sac" in name or "hybrid" in name, "prospects": "moves" in name}
    return DummyVecEnv([lambda: OBSERVED[observed](FakeRecognitionEnv(**options))] * num_envs)


def made(name: str, env: VecEnv | None = None, **changes: Any) -> Any:
    model, policy, settings = MODELS[name]
    keywords = copy.deepcopy(settings) | {"seed": 3, "device": "cpu"} | changes
    return model(policy, rows(name) if env is None else env, **keywords)


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in model.policy.state_dict().items()}


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def observations(model: Any) -> Any:
    env = model.get_env()
    env.seed(0)
    return env.reset()


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[name for name in MODELS if name.startswith("sac")])
def sac_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("name", "observed"),
    [
        *(
            (name, "every kind of part")
            for name in MODELS
            if "box" not in name and "moves" not in name
        ),
        *((name, "one box") for name in ("ppo on a box", "sac on a box")),
    ],
)
@pytest.mark.parametrize("num_envs", [1, 3])
def test_every_observation_can_be_learned_from(name: str, observed: str, num_envs: int) -> None:
    model = made(name, rows(name, observed, num_envs))
    before = weights(model)
    model.learn(24 * num_envs)
    assert not same(before, weights(model))
    seen = observations(model)
    assert model.predict(seen)[0].shape == (num_envs, *model.action_space.shape)


def test_counted_parts_reach_the_policy() -> None:
    """Of an observation that differs in nothing else."""
    model = made("ppo", rows("ppo", "every kind of part"))
    one, two = observations(model), observations(model)
    two["counted"] = (two["counted"] + 1) % 3
    values = [model.policy.predict_values(model.policy.obs_to_tensor(x)[0]) for x in (one, two)]
    assert not torch.equal(*values)


def test_a_flat_box_is_learned_from_as_by_the_plain_algorithms_to_the_bit() -> None:
    for plain, name in ((PPO, "ppo on a box"), (SAC, "sac on a box")):
        _, policy, settings = MODELS[name]
        keywords = {key: value for key, value in settings.items() if key != "aux_coef"}
        expected = plain(policy, rows(name), seed=3, device="cpu", **keywords).learn(48)
        assert same(weights(expected), weights(made(name).learn(48)))


def test_what_is_saved_acts_and_learns_as_before(name: str, tmp_path: Path) -> None:
    model = made(name).learn(32)
    seen = observations(model)
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model", env=rows(name), device="cpu")
    assert same(weights(model), weights(loaded))
    actions = [one.predict(seen, deterministic=True)[0] for one in (model, loaded)]
    np.testing.assert_array_equal(*actions)
    loaded.learn(32)
    assert not same(weights(model), weights(loaded))


def test_parameters_can_be_handed_over(name: str) -> None:
    model, other = made(name).learn(32), made(name, seed=4)
    assert not same(weights(model), weights(other))
    other.set_parameters(model.get_parameters(), exact_match=True)
    assert same(weights(model), weights(other))


def test_a_policy_is_saved_with_all_that_it_needs(name: str, tmp_path: Path) -> None:
    model = made(name).learn(32)
    seen = observations(model)
    model.policy.save(tmp_path / "policy.pt")
    loaded = type(model.policy).load(tmp_path / "policy.pt", device="cpu")
    expected = model.predict(seen, deterministic=True)[0]
    np.testing.assert_array_equal(loaded.predict(seen, deterministic=True)[0], expected)


def test_an_actor_acts_alone_as_its_policy_does(sac_name: str, tmp_path: Path) -> None:
    model = made(sac_name).learn(32)
    actor, seen = model.policy.actor, observations(model)
    expected = model.predict(seen, deterministic=True)[0]
    actor.save(tmp_path / "actor.pt")
    loaded = type(actor).load(tmp_path / "actor.pt", device="cpu")
    for one in (actor, loaded):
        actions = one.predict(seen, deterministic=True)[0]
        assert actions.shape == (2, *model.action_space.shape)
        np.testing.assert_array_equal(actions, expected)


def test_learning_goes_on_from_a_loaded_replay_buffer_as_without(
    sac_name: str, tmp_path: Path
) -> None:
    """To the bit, after the policy has changed too: nothing of it is in the file."""
    results = []
    for through_a_file in (False, True):
        model = made(sac_name).learn(32)
        if through_a_file:
            model.save_replay_buffer(tmp_path / "buffer")
            model.load_replay_buffer(tmp_path / "buffer")
        model.set_random_seed(5)
        for _ in range(3):
            model.train(2, 8)
        results.append(weights(model))
    assert same(*results)


def test_a_saved_replay_buffer_holds_no_network(tmp_path: Path) -> None:
    model = made("sac").learn(32)
    path = tmp_path / "buffer.pkl"
    model.save_replay_buffer(path)
    assert b"agents.policies" not in path.read_bytes()


def normalised(name: str) -> VecNormalize:
    """Rows that are normalised by statistics far from what is seen."""
    env = VecNormalize(rows(name), gamma=0.9)
    env.training = False
    for statistics in env.obs_rms.values():
        statistics.mean += 3.0
        statistics.var *= 16.0
    env.ret_rms.var = np.float64(4.0)
    return env


@pytest.mark.parametrize("name", ["sac", "sac alone"])
def test_what_is_learned_from_is_normalised_like_what_is_acted_on(name: str) -> None:
    env = normalised(name)
    model = made(name, env)
    acted = env.reset()["viewpoint"]
    model.learn(30)
    assert model.get_vec_normalize_env() is env
    buffer = model.replay_buffer
    buffer.encode = None
    batch, raw = buffer.sample(100, env=env), buffer.sample(100)
    # Ones and zeros, then (x - 3) / 4.
    np.testing.assert_allclose(np.unique(raw.observations["viewpoint"]), [0.0, 1.0])
    for seen in (acted, batch.observations["viewpoint"], batch.next_observations["viewpoint"]):
        np.testing.assert_allclose(np.unique(seen), [-0.75, -0.5], atol=1e-6)
    # Half of a look's cost, of a wrong and of the right answer.
    assert np.isin(np.round(100 * batch.rewards.numpy()), [-1, -50, 50]).all()


def test_supervision_sees_what_is_acted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    env = normalised("sac")
    model = made("sac", env)
    seen: list[float] = []
    drawn = TargetReplayBuffer.sample_given

    def watched(*arguments: Any) -> Any:
        labelled = drawn(*arguments)
        if labelled is not None:
            seen.append(labelled[0]["viewpoint"].max().item())
        return labelled

    monkeypatch.setattr(TargetReplayBuffer, "sample_given", watched)
    model.learn(30)
    assert seen
    np.testing.assert_allclose(seen, -0.5, atol=1e-4)


@pytest.mark.parametrize("name", ["ppo", "ppo alone"])
def test_normalised_rows_can_be_learned_from_by_ppo(name: str) -> None:
    model = made(name, normalised(name))
    before = weights(model)
    model.learn(32)
    assert not same(before, weights(model))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_steps": 3}, "n_steps is 3, expected 1"),
        ({"optimize_memory_usage": True}, "optimize_memory_usage is True"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*is ignored because a custom")
def test_what_the_replay_buffer_cannot_do_is_refused(changes: dict, message: str) -> None:
    for name in ("sac", "sac alone"):
        with pytest.raises(UserError, match=message) as caught:
            made(name, **changes)
        assert "\n" not in str(caught.value)


def test_returns_of_several_steps_are_the_plain_algorithms_on_a_box() -> None:
    _, policy, settings = MODELS["sac on a box"]
    keywords = {key: value for key, value in settings.items() if key != "aux_coef"}
    env = rows("sac on a box")
    expected = SAC(policy, env, seed=3, device="cpu", n_steps=3, **keywords).learn(48)
    assert same(weights(expected), weights(made("sac on a box", n_steps=3).learn(48)))


def test_a_replay_buffer_without_answers_is_refused_under_supervision() -> None:
    from stable_baselines3.common.buffers import DictReplayBuffer

    with pytest.raises(UserError, match="learns from a TargetReplayBuffer, received a Dict"):
        made("sac", replay_buffer_class=DictReplayBuffer)
