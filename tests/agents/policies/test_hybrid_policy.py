"""Hybrid actions: a choice that has probabilities, and a turn that counts where it is made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.algorithms.answer_ppo import AnswerPPO
from agents.evaluation import evaluate
from agents.policies.hybrid.actions import LOOK, HybridActions, HybridDistribution
from agents.policies.hybrid.policy import HybridPolicy
from agents.sb3_vec_env import GymnasiumVecEnv
from gqn_rl.errors import UserError
from tests.agents.conftest import small_model
from tests.agents.fake_env import NUM_ANSWERS, fake_vector_env

TURNS = 2


def layout(num_answers: int = 3) -> HybridActions:
    logits = num_answers if num_answers > 1 else 0
    return HybridActions(spaces.Box(-1.0, 1.0, (TURNS + 1 + logits,)), num_answers)


def distribution(num_answers: int = 3, rows: int = 5) -> tuple[HybridDistribution, list[Any]]:
    """One with parameters that can be learned, and those."""
    torch.manual_seed(0)
    logits = torch.randn(rows, 1 + num_answers, requires_grad=True)
    means = torch.randn(rows, TURNS, requires_grad=True)
    log_std = torch.tensor([-0.5, 0.25], requires_grad=True)
    made = HybridDistribution(layout(num_answers))
    return made.proba_distribution(logits, means, log_std), [logits, means, log_std]


@pytest.mark.parametrize("num_answers", [1, 3])
def test_probabilities_of_choices_and_densities_of_turns_sum_to_one(num_answers: int) -> None:
    made, _ = distribution(num_answers, rows=1)
    grid = torch.linspace(-12.0, 12.0, 241)
    turns = torch.cartesian_prod(grid, grid)
    actions = layout(num_answers)
    made = distribution(num_answers, rows=1)[0]
    wide = HybridDistribution(actions).proba_distribution(
        made.choice.logits.expand(len(turns), -1),
        made.turn.mean.expand(len(turns), -1),
        made.turn.stddev[0].log(),
    )
    looking = torch.zeros(len(turns), dtype=torch.long)
    density = wide.log_prob(actions.encode(looking, turns)).exp().sum() * 0.1**2
    answers = torch.arange(1, 1 + num_answers)
    some = HybridDistribution(actions).proba_distribution(
        made.choice.logits.expand(num_answers, -1),
        made.turn.mean.expand(num_answers, -1),
        made.turn.stddev[0].log(),
    )
    given = some.log_prob(actions.encode(answers, torch.zeros(num_answers, TURNS))).exp().sum()
    assert (density + given).item() == pytest.approx(1.0, abs=1e-4)
    assert 0.01 < density.item() < 0.99


def test_the_turn_of_an_answer_has_no_density_and_no_gradient() -> None:
    made, (_, means, log_std) = distribution()
    answering = layout().encode(torch.full((5,), 2), torch.zeros(5, TURNS))
    found = made.log_prob(answering)
    torch.testing.assert_close(found, made.choice.logits[:, 2])
    found.sum().backward()
    assert means.grad.abs().sum() == 0
    assert log_std.grad.abs().sum() == 0


def test_the_turn_of_a_look_learns() -> None:
    made, (_, means, log_std) = distribution()
    looking = layout().encode(torch.full((5,), LOOK), torch.full((5, TURNS), 0.5))
    made.log_prob(looking).sum().backward()
    assert (means.grad.abs() > 0).all()
    assert (log_std.grad.abs() > 0).all()


def test_a_turn_beyond_the_largest_keeps_its_density() -> None:
    """What is drawn is stored as it is; only the environment is handed the clipped one."""
    made, _ = distribution()
    torch.manual_seed(1)
    drawn = torch.cat([made.sample() for _ in range(200)])
    choices, turns = layout().decode(drawn)
    assert (turns[choices == LOOK].abs() > 1).any()
    one = layout().encode(torch.tensor([LOOK]), torch.tensor([[3.0, 0.0]]))
    two = layout().encode(torch.tensor([LOOK]), torch.tensor([[1.0, 0.0]]))
    first = HybridDistribution(layout()).proba_distribution(
        torch.zeros(1, 4), torch.zeros(1, TURNS), torch.zeros(TURNS)
    )
    assert (first.log_prob(two) - first.log_prob(one)).item() == pytest.approx(4.0)


def test_draws_are_as_frequent_as_their_probabilities() -> None:
    made, _ = distribution(rows=1)
    torch.manual_seed(2)
    rows = 4_000
    many = HybridDistribution(layout()).proba_distribution(
        made.choice.logits.expand(rows, -1), made.turn.mean.expand(rows, -1), torch.zeros(TURNS)
    )
    choices, turns = layout().decode(many.sample())
    shares = torch.bincount(choices, minlength=4) / rows
    torch.testing.assert_close(shares, made.choice.probs[0], atol=0.03, rtol=0)
    mean = turns[choices == LOOK].mean(0)
    torch.testing.assert_close(mean, made.turn.mean[0], atol=0.08, rtol=0)


def test_uncertain_turns_do_not_pay_for_looking_on() -> None:
    """The gradient of the entropy into the choice is that of the choice alone."""
    gradients = []
    for spread in (-3.0, 3.0):
        logits = torch.tensor([[0.3, 0.5, -0.2, 0.1]], requires_grad=True)
        log_std = torch.full((TURNS,), spread, requires_grad=True)
        made = HybridDistribution(layout()).proba_distribution(
            logits, torch.zeros(1, TURNS), log_std
        )
        made.entropy().sum().backward()
        gradients.append(logits.grad)
        # The turn's own entropy grows with its spread, as often as a turn is made.
        torch.testing.assert_close(log_std.grad, made.choice.probs[0, :1].detach().expand(TURNS))
    torch.testing.assert_close(*gradients)


def test_unsure_answers_do_not_pay_for_answering() -> None:
    """The entropy is that of looking or answering, however the answers share the rest."""
    sure = torch.tensor([[0.0, 2.0, -40.0, -40.0]])
    unsure = torch.tensor([[0.0, *([2.0 - np.log(3.0)] * 3)]], dtype=torch.float32)
    found = [
        HybridDistribution(layout()).proba_distribution(x, torch.zeros(1, 2), torch.zeros(2))
        for x in (sure, unsure)
    ]
    torch.testing.assert_close(found[0].entropy(), found[1].entropy())


def test_its_own_head_starts_indifferent_and_around_no_turn() -> None:
    """As a policy of Stable-Baselines3 makes heads from distributions."""
    torch.manual_seed(0)
    made = HybridDistribution(layout())
    head, log_std = made.proba_distribution_net(16, log_std_init=-1.0)
    drawn = made.proba_distribution(*head(torch.randn(7, 16)), log_std)
    torch.testing.assert_close(drawn.choice.probs, torch.full((7, 4), 0.25), atol=0.02, rtol=0)
    torch.testing.assert_close(drawn.turn.mean, torch.zeros(7, TURNS), atol=0.1, rtol=0)
    torch.testing.assert_close(drawn.turn.stddev, torch.full((7, TURNS), np.exp(-1.0)))
    assert drawn.log_prob(drawn.sample()).shape == (7,)


def test_at_its_best_it_makes_the_likeliest_choice() -> None:
    logits = torch.tensor([[1.0, 0.9, 0.0, 0.0], [1.0, 0.0, 0.0, 1.1]])
    means = torch.tensor([[0.25, -7.0], [0.5, 0.5]])
    made = HybridDistribution(layout()).proba_distribution(logits, means, torch.zeros(TURNS))
    expected = [[0.25, -1.0, -1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]]
    torch.testing.assert_close(made.mode(), torch.tensor(expected))


def test_it_learns_to_look_where_there_is_something_to_see(
    trained_hybrid_model: BaseAlgorithm,
) -> None:
    """The first view tells nothing (chance 0.25); both ends, three moves away, tell all."""
    env = GymnasiumVecEnv(fake_vector_env(16, continuous=True))
    evaluation = evaluate(trained_hybrid_model, env, 200, seed=99)
    assert evaluation.accuracy > 0.95
    assert 4 <= evaluation.looks < 8


def test_supervision_alone_shapes_the_posterior() -> None:
    """With no supervised update, PPO leaves features and posterior alone, and moves the rest."""
    model: Any = small_model(4, continuous=True, aux_updates=0)
    before = {name: weight.clone() for name, weight in model.policy.state_dict().items()}
    model.learn(512)
    for name, weight in model.policy.state_dict().items():
        posterior = "features_extractor" in name or "answer_net" in name
        assert torch.equal(before[name], weight) == posterior, name
    assert "log_std" in before


@pytest.mark.parametrize(
    ("space", "num_answers"),
    [
        (spaces.Discrete(9), 4),
        (spaces.Box(-1, 1, (5,)), 4),  # no turn
        (spaces.Box(-1, 1, (7,)), 0),
    ],
)
def test_actions_without_room_for_a_turn_are_refused(space: spaces.Space, num_answers: int) -> None:
    with pytest.raises(
        UserError, match=f"num_answers={num_answers} with {space.__class__.__name__}"
    ):
        HybridActions(space, num_answers)


def test_answers_that_the_policy_has_no_logits_for_are_refused() -> None:
    env = GymnasiumVecEnv(fake_vector_env(2, continuous=True))
    kwargs = {"num_answers": NUM_ANSWERS}
    for num_answers in (1, NUM_ANSWERS + 1):
        with pytest.raises(UserError, match=f"num_answers={num_answers}"):
            AnswerPPO(HybridPolicy, env, num_answers=num_answers, policy_kwargs=kwargs)
    with pytest.raises(UserError, match="Discrete action space that ends in"):
        AnswerPPO("MultiInputPolicy", env, num_answers=NUM_ANSWERS)
    with pytest.raises(UserError, match="use_sde is True"):
        AnswerPPO(HybridPolicy, env, num_answers=NUM_ANSWERS, policy_kwargs=kwargs, use_sde=True)
