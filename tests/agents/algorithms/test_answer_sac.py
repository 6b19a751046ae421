"""SAC with a posterior: it learns to look first; the posterior answers, the reward decides when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import DictReplayBuffer
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.algorithms.answer_sac import AnswerSAC
from agents.evaluation import evaluate
from agents.policies.answers.posterior import CONFIDENCE
from agents.policies.answers.sac_policy import AnswerSACPolicy, supervised_parameters
from agents.sb3_vec_env import GymnasiumVecEnv
from gqn_rl.errors import UserError
from tests.agents.conftest import small_sac_model
from tests.agents.fake_env import NUM_ANSWERS, FakeRecognitionEnv, fake_vector_env

SAC_SETTINGS: dict[str, Any] = {"learning_starts": 30, "batch_size": 16, "seed": 3}


def continuous(num_envs: int = 3, **options: Any) -> GymnasiumVecEnv:
    return GymnasiumVecEnv(fake_vector_env(num_envs, continuous=True, **options))


def some_observations(model: BaseAlgorithm, steps: int = 6) -> dict[str, torch.Tensor]:
    """Observations of rows after a few random steps."""
    env = model.env
    assert env is not None
    observation: Any = env.reset()
    for _ in range(steps):
        observation, *_ = env.step(np.stack([env.action_space.sample()] * env.num_envs))
    return {key: torch.as_tensor(value) for key, value in observation.items()}


def test_learns_to_look_before_answering(trained_sac_model: BaseAlgorithm) -> None:
    """The first view tells nothing (chance 0.25); both ends, three moves away, tell all."""
    evaluation = evaluate(trained_sac_model, continuous(16), 200, seed=99)
    assert evaluation.accuracy > 0.9
    assert 4 <= evaluation.looks < 9


def test_without_supervision_it_is_plain_sac_to_the_bit() -> None:
    # One after the other: constructing a model seeds the generators its training draws from.
    expected = SAC("MultiInputPolicy", continuous(), **SAC_SETTINGS).learn(90)
    received = AnswerSAC(
        "MultiInputPolicy",
        continuous(),
        aux_coef=0.0,
        replay_buffer_class=DictReplayBuffer,
        **SAC_SETTINGS,
    ).learn(90)
    weights = received.policy.state_dict()
    for name, weight in expected.policy.state_dict().items():
        assert torch.equal(weight, weights[name]), name


def test_the_belief_is_the_answer_and_has_no_entropy() -> None:
    model: Any = small_sac_model()
    policy = model.policy
    observations = some_observations(model)
    with torch.no_grad():
        posterior = policy.answer_log_probabilities(observations)
        actions, log_prob = policy.actor.action_log_prob(observations)
        again, _ = policy.actor.action_log_prob(observations)
    logits = actions[:, -NUM_ANSWERS:]
    assert torch.equal(logits.argmax(1), posterior.argmax(1))
    assert (logits.abs() <= 1).all()
    assert torch.equal(again[:, -NUM_ANSWERS:], logits)
    assert not torch.equal(again[:, :2], actions[:, :2])
    assert log_prob.shape == (len(actions),)
    assert model.target_entropy == -2.0


def told(policy: AnswerSACPolicy, best: float) -> torch.Tensor:
    """Features of 64 rows in which the posterior's best probability is `best`, all else random."""
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(64, policy.actor.features_dim, generator=generator)
    features[:, -1] = best
    return features


def test_with_assurance_an_untrained_actor_answers_once_it_is_sure() -> None:
    policy: Any = small_sac_model(policy_kwargs={"confidence_gain": 12.0, "threshold": 0.7}).policy
    with torch.no_grad():
        unsure = policy.actor(told(policy, 0.4), deterministic=True)
        sure = policy.actor(told(policy, 0.98), deterministic=True)
    commit = policy.actor.mu.out_features - 1
    assert (unsure[:, commit] < 0).all()
    assert (sure[:, commit] > 0).all()


def test_learning_can_overrule_assurance_and_moves_are_left_alone() -> None:
    model = small_sac_model(policy_kwargs={"confidence_gain": 12.0, "threshold": 0.7})
    actor: Any = model.policy.actor  # type: ignore[union-attr]
    features = told(model.policy, 0.98)  # type: ignore[arg-type]
    with torch.no_grad():
        inclined = actor(features, deterministic=True)
        actor.confidence_gain = 0.0
        indifferent = actor(features, deterministic=True)
        actor.confidence_gain = 12.0
        actor.mu.bias[-1] = -20.0
        overruled = actor(features, deterministic=True)
    commit = actor.mu.out_features - 1
    assert torch.equal(inclined[:, :commit], indifferent[:, :commit])
    assert not torch.equal(inclined[:, commit], indifferent[:, commit])
    assert (overruled[:, commit] < 0).all()


def test_the_critic_values_an_old_answer_by_how_likely_it_is_now() -> None:
    model: Any = small_sac_model()
    policy = model.policy
    features = policy.features(some_observations(model))
    posterior = features[:, -NUM_ANSWERS - CONFIDENCE : -CONFIDENCE]
    likely, unlikely = posterior.argmax(1), posterior.argmin(1)
    actions = torch.zeros(len(features), 2 + NUM_ANSWERS)

    def value(answers: torch.Tensor, size: float) -> torch.Tensor:
        given = actions.clone()
        given[torch.arange(len(given)), 2 + answers] = size
        with torch.no_grad():
            values: torch.Tensor = policy.critic(features, given)[0]
        return values

    assert not torch.equal(value(likely, 1.0), value(unlikely, 1.0))
    # Only which answer it was counts, not how far its logit was above the others.
    assert torch.equal(value(likely, 1.0), value(likely, 0.1))


def test_reward_leaves_features_and_belief_alone() -> None:
    model: Any = small_sac_model(aux_updates=0)
    before = [weight.clone() for weight in supervised_parameters(model.policy)]
    actor = model.policy.actor.mu.weight.detach().clone()
    model.learn(1200)
    assert all(
        torch.equal(a, b) for a, b in zip(before, supervised_parameters(model.policy), strict=True)
    )
    assert not torch.equal(actor, model.policy.actor.mu.weight)


def test_learning_is_reproducible() -> None:
    def weights() -> dict[str, torch.Tensor]:
        state: dict[str, torch.Tensor] = small_sac_model().learn(1200).policy.state_dict()
        return state

    one, two = weights(), weights()
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    ("policy", "keywords", "message"),
    [
        (AnswerSACPolicy, {"aux_coef": 0.0}, "aux_coef is 0.0, expected more than 0"),
        ("MultiInputPolicy", {"aux_coef": 1.0}, "aux_coef is 1.0, expected 0"),
        ("MultiInputPolicy", {"aux_coef": -1.0}, "aux_coef is -1.0"),
        (AnswerSACPolicy, {"num_answers": 1}, "num_answers=1"),
        (AnswerSACPolicy, {"num_answers": 2 + NUM_ANSWERS}, "num_answers=6"),
    ],
)
def test_what_does_not_go_together_is_refused(
    policy: Any, keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        AnswerSAC(policy, continuous(2), **{"num_answers": NUM_ANSWERS, **keywords})


def test_says_so_when_the_environment_names_no_target() -> None:
    class Silent(FakeRecognitionEnv):
        def _info(self, answer: int) -> dict[str, Any]:
            return {"is_success": False}

    model = AnswerSAC(
        AnswerSACPolicy,
        DummyVecEnv([lambda: Silent(continuous=True)]),
        num_answers=NUM_ANSWERS,
        policy_kwargs={"num_answers": NUM_ANSWERS},
        learning_starts=5,
    )
    with pytest.raises(UserError, match="aux_coef=0"):
        model.learn(20)
