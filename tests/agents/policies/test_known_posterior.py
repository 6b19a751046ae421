"""An answer posterior that begins as one that is observed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents.policies.answers.policy import AnswerPolicy
from agents.policies.hybrid.policy import HybridPolicy
from gqn_rl.errors import UserError

MOVES, ANSWERS = 4, 3
SEEN = spaces.Dict(
    {
        "looks_left": spaces.Box(0.0, 1.0, (1,)),
        "posterior": spaces.Box(0.0, 9.0, (ANSWERS + MOVES,)),  # then what moves would tell
        "viewpoint": spaces.Box(-28.0, 28.0, (7,)),
        "representation": spaces.Box(-10.0, 10.0, (64,)),
    }
)
DISCRETE = spaces.Discrete(MOVES + ANSWERS)
HYBRID = spaces.Box(-1.0, 1.0, (3 + ANSWERS,))
KINDS = [pytest.param(AnswerPolicy, DISCRETE), pytest.param(HybridPolicy, HYBRID)]


def observed(rng: np.random.Generator, n: int) -> dict[str, torch.Tensor]:
    known = rng.dirichlet(np.ones(ANSWERS), n)
    told = np.concatenate([known, rng.uniform(0.0, 3.0, (n, MOVES))], axis=1)
    values = {key: rng.uniform(-1.0, 1.0, (n, *space.shape)) for key, space in SEEN.items()}
    values["posterior"] = told
    return {key: torch.tensor(value, dtype=torch.float32) for key, value in values.items()}


@pytest.mark.parametrize(("kind", "actions"), KINDS)
def test_before_anything_is_learned_the_posterior_is_the_one_observed(
    kind: type[AnswerPolicy],
    actions: spaces.Space,
    rng: np.random.Generator,
    tmp_path: Path,
) -> None:
    policy = kind(SEEN, actions, lambda _: 1e-3, num_answers=ANSWERS, prior="posterior")
    seen = observed(rng, 32)
    found = policy.answer_log_probabilities(seen).exp()
    torch.testing.assert_close(found, seen["posterior"][:, :ANSWERS], atol=1e-4, rtol=0)
    policy.save(str(tmp_path / "policy.pt"))
    again = kind.load(str(tmp_path / "policy.pt"), device="cpu")
    torch.testing.assert_close(again.answer_log_probabilities(seen).exp(), found)


def test_what_is_learned_corrects_it(rng: np.random.Generator) -> None:
    policy = AnswerPolicy(SEEN, DISCRETE, lambda _: 1e-3, num_answers=ANSWERS, prior="posterior")
    seen, right = observed(rng, 64), torch.full((64,), 2)  # whatever is observed
    optimizer = torch.optim.Adam(policy.parameters(), 1e-2)
    for _ in range(100):
        loss = torch.nn.functional.nll_loss(policy.answer_log_probabilities(seen), right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert policy.answer_log_probabilities(seen).exp()[:, 2].mean() > 0.9


def test_an_observation_that_is_no_posterior_is_refused() -> None:
    for prior, message in (
        ("looks_left", "'looks_left', 1 numbers, expected the probabilities of 3 answers"),
        ("representation", "representation"),  # wide, so that no feature is a probability
        ("nothing", "nothing"),
    ):
        with pytest.raises(UserError, match=message):
            AnswerPolicy(SEEN, DISCRETE, lambda _: 1e-3, num_answers=ANSWERS, prior=prior)


@pytest.mark.parametrize(("kind", "actions"), KINDS)
def test_where_no_look_is_left_it_answers_if_it_is_to(
    kind: type[AnswerPolicy], actions: spaces.Space, rng: np.random.Generator
) -> None:
    seen = observed(rng, 200)
    seen["looks_left"] = torch.arange(200)[:, None] % 2 * 0.5
    arrays = {key: value.numpy() for key, value in seen.items()}
    for answers, least in ((True, 1.0), (False, 0.0)):
        policy = kind(SEEN, actions, lambda _: 1e-3, num_answers=ANSWERS, answers_at_last=answers)
        drawn, _ = policy.predict(arrays)
        answered = drawn >= MOVES if drawn.ndim == 1 else drawn[:, 2] > 0
        assert least <= answered[::2].mean() <= (1.0 if answers else 0.9)
        assert answered[1::2].mean() < 0.9
