"""PPO with an auxiliary loss on the answer: it learns to look first, and is PPO without it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.algorithms.answer_ppo import AnswerPPO, answer_log_probabilities
from agents.evaluation import evaluate
from agents.policies.answers.policy import AnswerPolicy
from agents.sb3_vec_env import GymnasiumVecEnv
from gqn_rl.errors import UserError
from tests.agents.conftest import small_hyperparameters, small_model
from tests.agents.fake_env import (
    NUM_ANSWERS,
    NUM_MOVES,
    FakeRecognitionEnv,
    fake_vector_env,
)

PPO_SETTINGS: dict[str, Any] = {"n_steps": 16, "batch_size": 16, "n_epochs": 2, "seed": 3}


def weights_after(model: BaseAlgorithm, steps: int = 200) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = model.learn(steps).policy.state_dict()
    return weights


def test_learns_to_look_before_answering(trained_model: BaseAlgorithm) -> None:
    """The first view tells nothing (chance 0.25); both ends, three moves away, tell all."""
    evaluation = evaluate(trained_model, GymnasiumVecEnv(fake_vector_env(16)), 200, seed=99)
    assert evaluation.accuracy > 0.95
    assert 4 <= evaluation.looks < 8


def test_without_supervision_it_learns_less(trained_model: BaseAlgorithm) -> None:
    env = GymnasiumVecEnv(fake_vector_env(16))
    plain = small_model(aux_coef=0.0, policy="MultiInputPolicy", policy_kwargs={}).learn(20_000)
    reward_alone = evaluate(plain, env, 200, seed=99).reward
    assert evaluate(trained_model, env, 200, seed=99).reward > reward_alone + 0.2


def test_answers_at_once_when_the_first_view_tells() -> None:
    env = GymnasiumVecEnv(fake_vector_env(16, hint=True))
    model = small_model()
    model.set_env(env)
    model.learn(16_000)
    evaluation = evaluate(model, GymnasiumVecEnv(fake_vector_env(16, hint=True)), 200, seed=99)
    assert evaluation.accuracy > 0.95
    assert evaluation.looks < 2


@pytest.mark.parametrize("policy", ["MultiInputPolicy", AnswerPolicy])
def test_coefficient_zero_is_plain_ppo_to_the_bit(policy: str | type[ActorCriticPolicy]) -> None:
    keywords = {} if isinstance(policy, str) else {"num_answers": NUM_ANSWERS}
    arguments = PPO_SETTINGS | {"policy_kwargs": keywords}
    # One after the other: constructing a model seeds the generators its training draws from.
    expected = weights_after(PPO(policy, GymnasiumVecEnv(fake_vector_env(3)), **arguments))
    received = weights_after(
        AnswerPPO(policy, GymnasiumVecEnv(fake_vector_env(3)), aux_coef=0.0, **arguments)
    )
    assert expected.keys() == received.keys()
    for name, weight in expected.items():
        assert torch.equal(weight, received[name]), name


def test_auxiliary_loss_changes_weights_and_is_reproducible() -> None:
    def trained(aux_coef: float) -> dict[str, torch.Tensor]:
        env = GymnasiumVecEnv(fake_vector_env(3))
        settings = PPO_SETTINGS | {"aux_coef": aux_coef, "num_answers": NUM_ANSWERS}
        return weights_after(AnswerPPO("MultiInputPolicy", env, **settings))

    plain, one, two = trained(0.0), trained(1.0), trained(1.0)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(plain["action_net.weight"], one["action_net.weight"])


class TargetsSeen(BaseCallback):
    """Notes the environments' true targets before each step, row by row."""

    def __init__(self, rows: list[FakeRecognitionEnv]) -> None:
        super().__init__()
        self._rows = rows
        self.expected: list[list[int]] = []

    def _on_rollout_start(self) -> None:
        self.expected = []
        self._before = [row.target for row in self._rows]

    def _on_step(self) -> bool:
        self.expected.append(self._before)
        self._before = [row.target for row in self._rows]
        return True


@pytest.mark.parametrize("bridged", [True, False])
def test_targets_belong_to_the_state_of_the_action(bridged: bool) -> None:
    """Also where the episode ended in the step and the next one has another target."""
    if bridged:
        vector = fake_vector_env(4)
        env: Any = GymnasiumVecEnv(vector)
        rows: list[Any] = [row.unwrapped for row in vector.envs]
    else:
        env = DummyVecEnv([FakeRecognitionEnv for _ in range(4)])
        rows = [row.unwrapped for row in env.envs]
    settings = {"num_answers": NUM_ANSWERS, "n_steps": 32, "batch_size": 128, "seed": 0}
    model = AnswerPPO("MultiInputPolicy", env, **settings)
    callback = TargetsSeen(rows)
    model.learn(128, callback=callback)
    targets = np.array(callback.expected)
    assert (np.diff(targets, axis=0) != 0).sum() > 20  # many episodes ended with a change
    assert np.array_equal(model.rollout_buffer.targets, targets)


def test_supervision_alone_shapes_the_belief() -> None:
    """With no supervised update, PPO leaves features and posterior of `AnswerPolicy` alone."""
    model = small_model(aux_updates=0)
    before = {name: weight.clone() for name, weight in model.policy.state_dict().items()}
    model.answer_optimizer.zero_grad()
    model.policy.set_training_mode(True)
    PPO.train(_after_rollout(model))
    for name, weight in model.policy.state_dict().items():
        posterior = name.startswith(("features_extractor", "mlp_extractor.answer_net")) or (
            "features_extractor" in name
        )
        assert torch.equal(before[name], weight) == posterior, name


def _after_rollout(model: Any) -> Any:
    _, callback = model._setup_learn(512)
    model.collect_rollouts(model.env, callback, model.rollout_buffer, model.n_steps)
    return model


def test_belief_does_not_change_how_often_it_answers() -> None:
    model = small_model()
    observation = model.env.reset()
    tensors = {key: torch.as_tensor(value) for key, value in observation.items()}
    head = model.policy.action_net
    latent = torch.randn(5, head.choice.in_features + NUM_ANSWERS)
    latent[:, -NUM_ANSWERS:] = torch.log_softmax(latent[:, -NUM_ANSWERS:], dim=1)
    other = latent.clone()
    other[:, -NUM_ANSWERS:] = torch.log_softmax(torch.randn(5, NUM_ANSWERS), dim=1)
    moves, changed = (torch.softmax(head(x), 1)[:, :NUM_MOVES] for x in (latent, other))
    assert torch.allclose(moves, changed, atol=1e-6)
    posterior = answer_log_probabilities(model.policy, tensors, NUM_ANSWERS)
    assert torch.allclose(posterior.exp().sum(1), torch.ones(len(posterior)))


def test_any_policy_can_be_supervised() -> None:
    model = small_model(policy="MultiInputPolicy", policy_kwargs={})
    model.learn(4_000)
    assert model.answer_memory.size > 0
    # An action's logits beyond the answers do not enter the auxiliary loss.
    batch, _ = model.answer_memory.sample(8, torch.device("cpu"))
    predictions = answer_log_probabilities(model.policy, batch, NUM_ANSWERS)
    assert predictions.shape == (8, NUM_ANSWERS)


@pytest.mark.parametrize("num_answers", [0, 1, NUM_MOVES + NUM_ANSWERS + 1])
def test_refuses_a_wrong_number_of_answers(num_answers: int) -> None:
    with pytest.raises(UserError, match=f"num_answers={num_answers}"):
        AnswerPPO("MultiInputPolicy", GymnasiumVecEnv(fake_vector_env(2)), num_answers=num_answers)


def test_says_so_when_the_environment_names_no_target() -> None:
    class Silent(FakeRecognitionEnv):
        def _info(self, answer: int) -> dict[str, Any]:
            return {"is_success": False}

    model = AnswerPPO(
        "MultiInputPolicy", DummyVecEnv([Silent]), num_answers=NUM_ANSWERS, n_steps=16, batch_size=8
    )
    with pytest.raises(UserError, match="aux_coef=0"):
        model.learn(16)


def test_hyperparameters_of_the_test_are_the_shipped_ones_but_for_size() -> None:
    assert small_hyperparameters()["policy"] == "AnswerPolicy"
