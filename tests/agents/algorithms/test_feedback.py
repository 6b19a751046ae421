"""Feedback on answers: what labels and what rewards teach, and what a model is not told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.algorithms.answer_ppo import AnswerPPO
from agents.algorithms.feedback import GivenAnswers, Labels, Rewards, feedback_named
from agents.algorithms.targets import answers_of
from agents.evaluation import evaluate
from agents.sb3_vec_env import GymnasiumVecEnv
from gqn_rl.errors import UserError
from tests.agents.conftest import SMALL, small_model, small_sac_model
from tests.agents.fake_env import LOOK_COST, NUM_ANSWERS, FakeRecognitionEnv, fake_vector_env

POSTERIOR = torch.tensor([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]]).log()


def given(answers: list[int], rewards: list[float]) -> GivenAnswers:
    return GivenAnswers(torch.tensor(answers), torch.tensor(rewards))


def test_a_right_answer_teaches_what_its_label_would() -> None:
    lesson = given([1, 2], [1.0, 1.0])
    by_reward, _ = Rewards().loss(POSTERIOR, lesson)
    by_label, _ = Labels().loss(POSTERIOR, Labels().lesson(lesson))
    assert torch.allclose(by_reward, by_label)


def test_a_wrong_answer_teaches_only_that_it_was_wrong() -> None:
    """Probability goes to the others in the shares that they have, and to none in particular."""
    logits = POSTERIOR[:1].clone().requires_grad_()
    loss, foretold = Rewards().loss(torch.log_softmax(logits, 1), given([0], [-1.0]))
    assert loss.item() == pytest.approx(-np.log(0.3), rel=1e-5)
    assert foretold.item() == 0.0
    loss.backward()
    assert logits.grad is not None
    down, one, other = logits.grad[0].tolist()
    assert down > 0 > one
    assert one / other == pytest.approx(2.0, rel=1e-4)


def test_what_lies_between_wrong_and_right_is_a_chance() -> None:
    """The loss is least where the posterior has the expected reward."""
    lesson = given([0], [0.5])  # as if right three times out of four
    losses = {}
    for p in (0.6, 0.7, 0.75, 0.8, 0.9):
        losses[p] = Rewards().loss(torch.tensor([[p, 1 - p]]).log(), lesson)[0].item()
    assert min(losses, key=losses.get) == 0.75  # type: ignore[arg-type]


def test_certainty_that_was_wrong_still_has_a_finite_gradient() -> None:
    logits = torch.tensor([[60.0, 0.0, 0.0]], requires_grad=True)
    loss, _ = Rewards().loss(torch.log_softmax(logits, 1), given([0], [-1.0]))
    loss.backward()
    assert loss.item() == pytest.approx(60.0 - np.log(2.0), rel=1e-3)
    assert logits.grad is not None
    assert logits.grad[0, 0].item() == pytest.approx(1.0, abs=1e-3)


def test_an_environment_that_does_not_say_what_was_answered_is_refused() -> None:
    assert answers_of([{"answer": 2}, {"answer": -1}]).tolist() == [2, -1]
    with pytest.raises(UserError, match=r"info has \['target'\], expected an 'answer'"):
        answers_of([{"target": 1}])


def test_another_kind_of_feedback_is_refused() -> None:
    with pytest.raises(UserError, match="'praise'"):
        feedback_named("praise")


class Untold(FakeRecognitionEnv):
    """The fake task without a word of the right answer."""

    def _info(self, answer: int) -> dict[str, Any]:
        info = super()._info(answer)
        return {**info, "target": -1, "is_success": info["is_success"] and answer >= 0}


def test_ppo_learns_from_the_reward_of_its_own_answers_alone() -> None:
    """Beyond what the same steps bring without the regression, and untold of any target."""
    env = DummyVecEnv([Untold for _ in range(16)])
    model = small_model(aux_feedback="rewards", policy_kwargs=policy_kwargs(confidence_gain=6.0))
    model.set_env(env)
    model.learn(20_000)
    found = evaluate(model, GymnasiumVecEnv(fake_vector_env(16)), 200, seed=99)
    assert found.accuracy > 0.9
    kept, seen = model.answer_memory.sample_given(2000, torch.device("cpu"))
    assert set(seen.rewards.tolist()) == {-1.0, 1.0}
    assert len(kept["representation"]) == 2000


def policy_kwargs(**changes: Any) -> dict[str, Any]:
    small: Any = SMALL["policy_kwargs"]
    return {**small, "activation_fn": "silu", **changes}


def test_only_answered_states_are_remembered_with_their_rewards() -> None:
    model: Any = small_model(num_envs=4, aux_feedback="rewards", n_steps=64)
    model.learn(256)
    buffer = model.rollout_buffer
    answered = buffer.targets.reshape(-1) >= 0
    assert 0 < answered.sum() < answered.size
    assert len(model.answer_memory) == answered.sum()
    rewards = buffer.rewarded()[answered]
    assert np.array_equal(np.unique(rewards), [-1.0, 1.0])
    kept = model.answer_memory.snapshot()
    assert np.array_equal(kept["rewards"], rewards)
    assert np.array_equal(kept["targets"], buffer.targets.reshape(-1)[answered])


def test_before_the_first_answer_nothing_is_learned() -> None:
    class Silent(FakeRecognitionEnv):
        def _info(self, answer: int) -> dict[str, Any]:
            return {**super()._info(answer), "answer": -1}

    settings: Any = {"num_answers": NUM_ANSWERS, "n_steps": 16, "batch_size": 8}
    model = AnswerPPO("MultiInputPolicy", DummyVecEnv([Silent]), aux_feedback="rewards", **settings)
    model.learn(16)
    assert not model.answer_optimizer.state_dict()["state"]


def test_sac_draws_answers_that_were_given_and_their_rewards() -> None:
    model: Any = small_sac_model(num_envs=4, learning_starts=400, aux_feedback="rewards")
    model.learn(800, log_interval=1000)
    buffer = model.replay_buffer
    _, drawn = buffer.sample_given(500)
    assert len(drawn.answers) == 500
    assert set(drawn.rewards.tolist()) == {-1.0, 1.0}
    assert drawn.answers.min() >= 0
    answered = buffer.targets >= 0
    assert (buffer.dones[answered] == 1.0).all()  # an answer ends the episode
    assert not answered[np.isclose(buffer.rewards, -LOOK_COST)].any()
    assert model.answer_optimizer.state_dict()["state"]
