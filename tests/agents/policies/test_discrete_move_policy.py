"""A policy that judges Discrete moves, each by the same network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.algorithms.algorithm import algorithm_named
from agents.algorithms.answer_ppo import AnswerPPO
from agents.policies.hybrid.actions import LOOK
from agents.policies.moves.discrete_policy import DiscreteMovePolicy
from agents.policies.moves.hybrid_policy import HybridMovePolicy
from gqn_rl.errors import UserError
from tests.agents.policies.test_move_policy import (
    TURNS,
    Bandit,
    as_tensors,
    flat,
    observed,
    reached,
    space,
)

ANSWER = len(TURNS)
ACTIONS = spaces.Discrete(ANSWER + 1)


class DiscreteBandit(Bandit):
    """The same with a move for each turn and an answer, which is worth nothing."""

    action_space = ACTIONS

    def step(self, action):
        reward = 0.0 if action == ANSWER else float(self.gains[action])
        return self._observation(), reward, True, False, {}


@pytest.fixture
def policy():
    torch.manual_seed(0)
    return DiscreteMovePolicy(space(), ACTIONS, lambda _: 1e-3, net_arch=[16])


def logits(policy, observation):
    return policy.get_distribution(as_tensors(observation)).distribution.logits


def test_moves_in_another_order_are_judged_in_that_order(policy, rng):
    order = [2, 0, 3, 1]
    observation = observed(rng, 8)
    other = {**observation, "prospects": observation["prospects"][:, [*order, ANSWER]]}
    expected = logits(policy, observation)[:, [*order, ANSWER]]
    torch.testing.assert_close(logits(policy, other), expected)
    values = [policy.predict_values(as_tensors(seen)) for seen in (observation, other)]
    torch.testing.assert_close(*values)


def test_which_way_a_move_goes_changes_nothing(policy, rng):
    observation = observed(rng, 8)
    other = {**observation, "prospects": observation["prospects"].copy()}
    other["prospects"][..., :2] = 0.0
    torch.testing.assert_close(logits(policy, other), logits(policy, observation))


def test_without_a_look_left_it_answers(policy, rng):
    observation = observed(rng, 64)
    observation["looks_left"][:32] = 0.0
    drawn, _ = policy.predict(flat(observation))
    assert (drawn[:32] == ANSWER).all()
    assert (drawn[32:] != ANSWER).any()
    _, log_prob, entropy = policy.evaluate_actions(
        as_tensors(observation), torch.full((64,), ANSWER)
    )
    assert log_prob[:32].abs().max() == entropy[:32].abs().max() == 0.0


def test_a_hybrid_policy_without_a_look_left_answers(rng):
    policy = HybridMovePolicy(space(), Bandit.action_space, lambda _: 1e-3, net_arch=[16])
    observation = observed(rng, 64)
    observation["looks_left"][:32] = 0.0
    drawn = torch.from_numpy(policy.predict(flat(observation))[0])
    choices, _ = policy._layout.decode(drawn)
    assert (choices[:32] != LOOK).all()
    assert (choices[32:] == LOOK).any()


def test_gradients_reach_all_parameters(policy, rng):
    values, log_prob, entropy = policy.evaluate_actions(
        as_tensors(observed(rng, 16)), torch.from_numpy(rng.integers(0, ANSWER + 1, 16))
    )
    (values.sum() + log_prob.sum() + entropy.sum()).backward()
    for name, parameter in policy.named_parameters():
        assert reached(parameter), name


def test_ppo_learns_to_make_the_move_that_gains_most():
    model = AnswerPPO(
        DiscreteMovePolicy,
        DummyVecEnv([DiscreteBandit] * 16),
        aux_coef=0.0,
        gamma=0.0,
        n_steps=16,
        batch_size=64,
        n_epochs=8,
        learning_rate=3e-3,
        seed=0,
        device="cpu",
    )
    model.learn(2_000)
    observation = observed(np.random.default_rng(1), 400)
    actions, _ = model.predict(flat(observation), deterministic=True)
    assert (actions != ANSWER).all()
    gains = observation["prospects"][:, :-1, 4]
    # At random it would be 1.0, the best of four 1.6.
    assert gains[np.arange(400), actions].mean() > 1.4


def test_the_kind_of_actions_decides_which_policy_of_moves_it_is():
    algorithm = algorithm_named("ppo")
    assert algorithm.policy("MovePolicy", ACTIONS) is DiscreteMovePolicy
    assert algorithm.policy("MovePolicy", Bandit.action_space) is HybridMovePolicy


def test_actions_without_an_answer_are_refused():
    with pytest.raises(UserError, match=r"each of the 4 moves .* received Discrete\(4\)"):
        DiscreteMovePolicy(space(), spaces.Discrete(len(TURNS)), lambda _: 1e-3)
    with pytest.raises(UserError, match="needs an observation with 'prospects'"):
        DiscreteMovePolicy(
            spaces.Dict({"looks_left": spaces.Box(0.0, 1.0, (1,))}), ACTIONS, lambda _: 1e-3
        )
