"""Features of looks: order, padding and company of a row, and an agent that learns from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.preprocessing import preprocess_obs
from torch import nn

from agents.evaluation import evaluate
from agents.factory import make_model
from agents.policies.pixels.features import SUMMARIES, Recurrent, ViewFeatures
from agents.policies.pixels.view_stack import ViewStack, ViewStore
from gqn_rl.errors import UserError
from tests.agents.conftest import small_hyperparameters
from tests.agents.fake_views import MAX_LOOKS, NUM_ANSWERS, NUM_MOVES, SIZE, fake_views

ROWS = 6
SEVERAL = pytest.mark.parametrize("summary", SUMMARIES)


def played(steps: int = 3) -> tuple[ViewStack, Any]:
    """A stack of looks after some moves, and its observation; rows have ended at odd times."""
    store = ViewStore((SIZE, SIZE, 3), [500])
    stack = ViewStack(fake_views(ROWS), store.shelves[0], MAX_LOOKS)
    stack.seed(0)
    observation = stack.reset()
    for step in range(steps):
        actions = np.where(np.arange(ROWS) % 3 == step % 3, NUM_ANSWERS, np.arange(ROWS) % 2)
        observation, _, _, _ = stack.step(actions)
    return stack, observation


def features_of(stack: ViewStack, summary: str) -> ViewFeatures:
    torch.manual_seed(0)
    space: Any = stack.observation_space
    features = ViewFeatures(space, summary, hidden=(32, 16), look_features=24, image_size=SIZE)
    features.attach(stack._shelf.store)
    return features.eval()


def tensors(stack: ViewStack, observation: Any, rows: Any = slice(None)) -> Any:
    """As Stable-Baselines3 hands observations on."""
    raw = {key: torch.as_tensor(value[rows]) for key, value in observation.items()}
    return preprocess_obs(raw, stack.observation_space)


@SEVERAL
def test_a_rows_features_do_not_depend_on_the_other_rows(summary: str) -> None:
    stack, observation = played()
    features = features_of(stack, summary)
    with torch.no_grad():
        together = features(tensors(stack, observation))
        alone = [features(tensors(stack, observation, [row])) for row in range(ROWS)]
    assert together.shape == (ROWS, features.features_dim)
    assert torch.allclose(together, torch.cat(alone), atol=0.05)  # bf16 has 8 bits
    assert not torch.allclose(together[0], together[1], atol=0.05)


@SEVERAL
def test_small_parts_of_the_observation_come_last_and_unchanged(summary: str) -> None:
    stack, observation = played()
    with torch.no_grad():
        last = features_of(stack, summary)(tensors(stack, observation))[:, -8:].numpy()
    expected = np.concatenate([observation["looks_left"], observation["viewpoint"]], axis=1)
    assert np.array_equal(last, expected)


@SEVERAL
def test_each_look_is_encoded_once_however_many_observations_show_it(summary: str) -> None:
    stack, observation = played()
    features = features_of(stack, summary)
    encoded = []
    features.image_network.register_forward_hook(lambda _, given, __: encoded.append(len(given[0])))
    features(tensors(stack, observation, [0, 1, 0, 0, 1]))
    taken = int((observation["looks"][:2, :, 1] > 0).sum())
    assert encoded == [taken]


@SEVERAL
def test_gradients_reach_every_weight(summary: str) -> None:
    stack, observation = played()
    features = features_of(stack, summary)
    features(tensors(stack, observation)).square().sum().backward()
    for name, weight in features.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_the_recurrent_summary_is_a_gru_over_each_rows_looks() -> None:
    torch.manual_seed(0)
    counts, width = [2, 4, 1, 3], 5
    summary = Recurrent(4, width, 7)
    seen = torch.tensor([[step < count for step in range(4)] for count in counts])
    looks = torch.randn(sum(counts), width)
    gru = nn.GRU(width, 7, batch_first=True)
    with torch.no_grad():
        for name, weight in summary.cell.named_parameters():
            getattr(gru, f"{name}_l0").copy_(weight)
        expected = [gru(row[None])[1][0, 0] for row in torch.split(looks, counts)]
        assert torch.allclose(summary(looks, seen), torch.stack(expected), atol=1e-6)


def test_an_unknown_summary_is_refused() -> None:
    stack, _ = played()
    with pytest.raises(UserError, match="'sum'"):
        features_of(stack, "sum")


def test_without_a_store_there_is_an_error_that_says_so() -> None:
    stack, observation = played()
    space: Any = stack.observation_space
    with pytest.raises(RuntimeError, match="attach"):
        ViewFeatures(space, image_size=SIZE)(tensors(stack, observation))


def walked_across(stack: ViewStack) -> tuple[Any, torch.Tensor]:
    """Observations of new episodes after a walk from one end to the other; the right answers."""
    answers = np.full(stack.num_envs, NUM_MOVES)
    observation, *_ = stack.step(answers)
    direction = np.where(observation["viewpoint"][:, 0] == 1, 1, 0)
    for _ in range(2):
        observation, _, _, infos = stack.step(direction)
    return observation, torch.tensor([info["target"] for info in infos])


@SEVERAL
def test_what_takes_two_looks_is_learned(summary: str) -> None:
    """From the last look alone no more than half of the answers could be right."""
    stack = ViewStack(fake_views(48), ViewStore((SIZE, SIZE, 3), [500]).shelves[0], MAX_LOOKS)
    stack.seed(0)
    stack.reset()
    features = features_of(stack, summary)
    head = nn.Linear(features.features_dim, NUM_ANSWERS)
    optimizer = torch.optim.Adam([*features.parameters(), *head.parameters()], lr=3e-3)
    for _ in range(40):
        observation, targets = walked_across(stack)
        guesses = head(features(tensors(stack, observation)))
        optimizer.zero_grad()
        nn.functional.cross_entropy(guesses, targets).backward()
        optimizer.step()
    observation, targets = walked_across(stack)
    assert (head(features(tensors(stack, observation))).argmax(1) == targets).float().mean() > 0.9


@SEVERAL
def test_an_agent_trains_and_is_evaluated_without_losing_looks(summary: str) -> None:
    """The room is what `AnswerPPO` remembers, its rollout and the episodes that go on."""
    settings = small_hyperparameters(aux_buffer_size=256, n_steps=8, aux_updates=2)
    settings["policy_kwargs"] |= {
        "features_extractor_class": "looks",
        "features_extractor_kwargs": {"summary": summary, "hidden": [32], "image_size": SIZE},
    }
    rows, current = 16, 16 * (MAX_LOOKS + 1)
    store = ViewStore((SIZE, SIZE, 3), [256 + 8 * rows + current, current])
    envs = [ViewStack(fake_views(rows), shelf, MAX_LOOKS) for shelf in store.shelves]
    model: Any = make_model("ppo", envs[0], settings, num_answers=NUM_ANSWERS, seed=0, device="cpu")
    model.policy.features_extractor.attach(store)
    model.learn(512)
    assert len(evaluate(model, envs[1], 100, seed=99)) == 100
    model.learn(512, reset_num_timesteps=False)
    assert model.num_timesteps == 1024
