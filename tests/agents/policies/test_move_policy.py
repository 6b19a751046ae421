"""A policy that reads the prospects of moves as a set of moves."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.algorithms.answer_ppo import AnswerPPO
from agents.algorithms.answer_sac import AnswerSAC
from agents.policies.moves.features import MoveFeatures, moves_of, next_best_view_features_of
from agents.policies.moves.hybrid_policy import HybridMovePolicy
from agents.policies.moves.sac_policy import MoveSACPolicy
from agents.saving.bundle import load_bundle, make_record, save_bundle
from agents.saving.sb3_zip import export_zip
from gqn_rl.errors import UserError
from tests.agents.conftest import small_sac_model
from tests.agents.fake_env import NUM_ANSWERS

TURNS = np.array([(-1.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.0, -1.0)], np.float32)


def space():
    high = np.full(5 * (len(TURNS) + 1), 10.0, np.float32)
    return spaces.Dict(
        {
            "looks_left": spaces.Box(0.0, 1.0, (1,), np.float32),
            "prospects": spaces.Box(-high, high, dtype=np.float32),
            "representation": spaces.Box(-10.0, 10.0, (6,), np.float32),
        }
    )


def observed(rng, n):
    """Next-best-view features as matrices; `as_tensors` and `flat` make vectors of them."""
    moves = rng.uniform(0.0, 2.0, (n, len(TURNS) + 1, 5)).astype(np.float32)
    moves[:, :-1, :2], moves[:, -1, :2] = TURNS, 0.0
    return {
        "looks_left": rng.uniform(size=(n, 1)).astype(np.float32),
        "prospects": moves,
        "representation": rng.normal(size=(n, 6)).astype(np.float32),
    }


def flat(observation):
    return {key: value.reshape(len(value), -1) for key, value in observation.items()}


def as_tensors(observation):
    return {key: torch.from_numpy(value) for key, value in flat(observation).items()}


def reached(parameter):
    return parameter.grad is not None and parameter.grad.abs().sum() > 0


class Bandit(gymnasium.Env):
    """One move an episode; its reward is the gain of the move told of that is nearest to it."""

    observation_space = space()
    action_space = spaces.Box(-1.0, 1.0, (3,), np.float32)

    def _observation(self):
        one = {key: value[0] for key, value in observed(self.np_random, 1).items()}
        self.gains = one["prospects"][:-1, 4]
        return {key: value.reshape(-1) for key, value in one.items()}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._observation(), {}

    def step(self, action):
        reward = float(self.gains[np.square(TURNS - action[:2]).sum(1).argmin()])
        return self._observation(), reward, True, False, {}


@pytest.fixture
def features():
    torch.manual_seed(0)
    return MoveFeatures(space(), hidden=(16, 16), heads=3)


def test_the_order_of_the_moves_does_not_matter(features, rng):
    observation = observed(rng, 8)
    other = {**observation, "prospects": observation["prospects"][:, [2, 0, 3, 1, 4]]}
    torch.testing.assert_close(features(as_tensors(observation)), features(as_tensors(other)))


def test_making_no_move_is_not_one_of_them(features, rng):
    observation = observed(rng, 8)
    other = {**observation, "prospects": observation["prospects"][:, [4, 0, 3, 1, 2]]}
    one, two = features(as_tensors(observation)), features(as_tensors(other))
    assert not torch.allclose(one, two)


def test_each_head_wants_an_average_of_the_moves(features, rng):
    out = features(as_tensors(observed(rng, 50)))
    assert out.shape == (50, features.features_dim) == (50, 3 * 5 + 4)
    turns = torch.stack([out[:, 5 * head : 5 * head + 2] for head in range(3)])
    assert turns.abs().sum(-1).max() <= 1.0 + 1e-6  # the hull of the four turns


def test_what_is_known_without_a_move_is_passed_on(features, rng):
    observation = observed(rng, 8)
    known = features(as_tensors(observation))[:, 15:].detach().numpy()
    np.testing.assert_array_equal(known[:, :3], observation["prospects"][:, -1, 2:])
    np.testing.assert_array_equal(known[:, 3:], observation["looks_left"])


def test_gradients_reach_all_parameters(features, rng):
    features(as_tensors(observed(rng, 8))).square().sum().backward()
    for name, parameter in features.named_parameters():
        assert reached(parameter), name


def test_prospects_near_a_turn_are_those_of_the_move_there(rng):
    observation = as_tensors(observed(rng, 4))
    for move, turn in enumerate(TURNS):
        near = next_best_view_features_of(
            observation, torch.from_numpy(turn).expand(4, 2), width=0.1
        )
        torch.testing.assert_close(near, moves_of(observation)[:, move, 2:])
    halfway = next_best_view_features_of(
        observation, torch.tensor([0.5, 0.5]).expand(4, 2), width=0.01
    )
    between = moves_of(observation)[:, [1, 2, 4], 2:].clone()
    between[:, 2, 1:] = 0.0
    torch.testing.assert_close(halfway, between.mean(1), atol=1e-4, rtol=0)


def test_a_move_by_nothing_brings_nothing_new(rng):
    observation = as_tensors(observed(rng, 4))
    still = next_best_view_features_of(observation, torch.zeros(4, 2), width=0.1)
    torch.testing.assert_close(still[:, 0], moves_of(observation)[:, -1, 2])
    torch.testing.assert_close(still[:, 1:], torch.zeros(4, 2))


def test_prospects_show_the_way_to_a_better_turn(rng):
    observation = as_tensors(observed(rng, 1))
    moves_of(observation)[:, :, 4] = torch.tensor([0.0, 5.0, 0.0, 0.0, 0.0])
    turn = torch.tensor([[0.5, 0.0]], requires_grad=True)
    next_best_view_features_of(observation, turn, width=0.3)[:, -1].sum().backward()
    assert turn.grad[0, 0] > 0.1
    assert turn.grad[0, 1].abs() < 1e-5


@pytest.fixture
def policy():
    torch.manual_seed(0)
    return MoveSACPolicy(space(), Bandit.action_space, lambda _: 1e-3, net_arch=[16])


@pytest.fixture
def hybrid():
    torch.manual_seed(0)
    return HybridMovePolicy(space(), Bandit.action_space, lambda _: 1e-3, net_arch=[16])


def test_a_hybrid_one_at_its_best_makes_a_move_that_it_was_told_of_or_predicts(hybrid, rng):
    observation = observed(rng, 400)
    with torch.no_grad():
        hybrid.action_net.choice.weight *= 1e3
        hybrid.features_extractor.judge[-1].weight *= 50.0
    best, _ = hybrid.predict(flat(observation), deterministic=True)
    looking = best[:, 2] < 0
    assert 40 < looking.sum() < 360
    assert (np.abs(TURNS - best[looking, None, :2]).max(2).min(1) == 0.0).all()
    assert len(np.unique(best[looking, :2], axis=0)) > 1
    np.testing.assert_array_equal(best[~looking], [(0.0, 0.0, 1.0)] * (~looking).sum())
    np.testing.assert_array_equal(hybrid.best_action(as_tensors(observation)).detach(), best)
    explored, _ = hybrid.predict(flat(observation))
    turned = explored[explored[:, 2] < 0]
    assert (np.abs(TURNS - turned[:, None, :2]).max(2).min(1) > 1e-3).any()


def test_a_hybrid_one_turns_to_the_moves_that_it_judges_best(hybrid, rng):
    """Before anything else is learned, the turn is the average that attention makes."""
    observation = as_tensors(observed(rng, 20))
    wanted = hybrid.extract_features(observation)[:, :2]
    with torch.no_grad():
        hybrid.action_net.shift.weight.zero_()
    distribution = hybrid.get_distribution(observation)
    torch.testing.assert_close(distribution.turn.mean, wanted)
    (-distribution.turn.mean[:, 0]).sum().backward()
    assert reached(hybrid.features_extractor.judge[0].weight)


def test_at_its_best_it_makes_moves_that_it_was_told_of(policy, rng):
    observation = observed(rng, 40)
    with torch.no_grad():
        policy.actor.mu.weight *= 20.0
    best, _ = policy.predict(flat(observation), deterministic=True)
    assert (np.abs(TURNS - best[:, None, :2]).max(2).min(1) == 0.0).all()
    assert len(np.unique(best[:, :2], axis=0)) > 1
    with torch.no_grad():
        mean, *_ = policy.actor.get_action_dist_params(as_tensors(observation))
    nearest = np.square(TURNS - mean.tanh().numpy()[:, None, :2]).sum(2).argmin(1)
    np.testing.assert_array_equal(best[:, :2], TURNS[nearest])
    explored, _ = policy.predict(flat(observation))
    assert (np.abs(TURNS - explored[:, None, :2]).max(2).min(1) > 1e-3).all()


def test_gradients_reach_all_parameters_of_actor_and_critic(policy, rng):
    observation = as_tensors(observed(rng, 16))
    actions, log_prob = policy.actor.action_log_prob(observation)
    (sum(q.sum() for q in policy.critic(observation, actions)) + log_prob.sum()).backward()
    for network in (policy.actor, policy.critic):
        for name, parameter in network.named_parameters():
            assert reached(parameter), name


def test_the_critic_values_a_turn_by_what_it_brings_alone(policy, rng):
    observation = as_tensors(observed(rng, 1))
    right, left = torch.tensor([[1.0, 0.0, -1.0]]), torch.tensor([[-1.0, 0.0, -1.0]])
    before = policy.critic(observation, right)[0].item()
    other = {key: value.clone() for key, value in observation.items()}
    moves_of(other)[:, 1, 4] += 1.0
    assert policy.critic(other, right)[0].item() != pytest.approx(before, abs=1e-3)
    other = {key: value.clone() for key, value in observation.items()}
    moves_of(other)[:, 0, 4] += 1.0  # that of the move to the left
    assert policy.critic(other, right)[0].item() == pytest.approx(before, abs=1e-4)
    mirrored = {key: value.clone() for key, value in observation.items()}
    moves_of(mirrored)[:, [0, 1], 2:] = moves_of(observation)[:, [1, 0], 2:]
    assert policy.critic(mirrored, left)[0].item() == pytest.approx(before, abs=1e-4)


def test_saved_and_loaded_it_acts_the_same(tmp_path):
    changes = {"policy": "MovePolicy", "policy_kwargs": {"net_arch": [16]}, "aux_coef": 0.0}
    model = small_sac_model(4, prospects=True, **changes)
    record = make_record(
        algo="sac",
        hyperparameters=changes,
        num_answers=NUM_ANSWERS,
        env_id="GQNShepardViewPredictionContinuous-v0",
        env_kwargs={},
        observation_space=model.env.observation_space,
        action_space=model.env.action_space,
    )
    agent = load_bundle(save_bundle(tmp_path / "agent", model.policy, record))
    export_zip(agent, tmp_path / "agent.zip")
    exported = AnswerSAC.load(tmp_path / "agent.zip")
    observation = model.env.reset()
    expected, _ = model.predict(observation, deterministic=True)
    for other in (agent, exported):
        received, _ = other.predict(observation, deterministic=True)
        np.testing.assert_array_equal(received, expected)


def test_sac_learns_to_make_the_move_that_gains_most():
    model = AnswerSAC(
        MoveSACPolicy,
        DummyVecEnv([Bandit] * 4),
        aux_coef=0.0,
        ent_coef=0.02,
        gamma=0.0,
        policy_kwargs={"net_arch": [64], "features_extractor_kwargs": {"hidden": [32]}},
        seed=0,
        device="cpu",
        learning_starts=128,
        batch_size=128,
        learning_rate=3e-3,
        gradient_steps=4,
    )
    model.learn(1_200)
    observation = observed(np.random.default_rng(1), 400)
    actions, _ = model.predict(flat(observation), deterministic=True)
    chosen = np.square(TURNS - actions[:, None, :2]).sum(2).argmin(1)
    gains = observation["prospects"][:, :-1, 4]
    # At random it would be 1.0, the best of four 1.6.
    assert gains[np.arange(400), chosen].mean() > 1.4


def test_hybrid_ppo_learns_to_make_the_move_that_gains_most():
    model = AnswerPPO(
        HybridMovePolicy,
        DummyVecEnv([Bandit] * 16),
        aux_coef=0.0,
        gamma=0.0,
        n_steps=16,
        batch_size=64,
        n_epochs=8,
        learning_rate=3e-3,
        policy_kwargs={
            "log_std_init": -0.7,
            "features_extractor_kwargs": {"hidden": [32]},
        },
        seed=0,
        device="cpu",
    )
    model.learn(2_000)
    observation = observed(np.random.default_rng(1), 400)
    actions, _ = model.predict(flat(observation), deterministic=True)
    chosen = np.square(TURNS - actions[:, None, :2]).sum(2).argmin(1)
    gains = observation["prospects"][:, :-1, 4]
    assert gains[np.arange(400), chosen].mean() > 1.4  # as of SAC


@pytest.mark.parametrize("size", [1, 2, 4])
def test_actions_without_a_turn_and_a_choice_are_refused(size):
    with pytest.raises(UserError, match=r"MovePolicy needs a Box of 2 numbers .*received Box"):
        HybridMovePolicy(space(), spaces.Box(-1.0, 1.0, (size,)), lambda _: 1e-3)


def test_an_observation_without_prospects_is_refused():
    bare = spaces.Dict({"looks_left": space()["looks_left"]})
    with pytest.raises(UserError, match=r"'prospects'.*has \['looks_left'\]"):
        MoveFeatures(bare)
