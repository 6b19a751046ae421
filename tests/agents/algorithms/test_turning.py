"""Turning what was seen: shapes stay the same shape, rows get turns of their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents.algorithms.answer_memory import AnswerMemory
from agents.algorithms.turning import RandomTurns
from gqn_rl.errors import UserError
from gqn_rl.geometry.turned_volumes import TurnedVolumes

SIDE = 4
SHAPE = (4, SIDE, SIDE, SIDE)
SPACE = spaces.Dict(
    {
        "representation": spaces.Box(0, 1, (4 * SIDE**3,), np.float32),
        "viewpoint": spaces.Box(-9, 9, (7,), np.float32),
    }
)


@pytest.fixture
def batch(rng: np.random.Generator) -> dict[str, torch.Tensor]:
    cells = np.repeat(rng.random((1, *SHAPE), np.float32), 200, axis=0).reshape(200, -1)
    return {
        "representation": torch.from_numpy(cells),
        "viewpoint": torch.from_numpy(rng.random((200, 7), np.float32)),
    }


def test_all_24_turns_occur_and_each_is_a_turn_of_the_same_object(batch, rng) -> None:
    turned = RandomTurns({"representation": SHAPE}, SPACE)(batch, rng)
    volumes, before = (b["representation"].view(-1, *SHAPE) for b in (turned, batch))
    assert len(torch.unique(turned["representation"], dim=0)) == 24
    fits = TurnedVolumes(SIDE, "all").compare(volumes, before)
    torch.testing.assert_close(fits[:, 0], torch.ones(200))
    assert (fits[:, 1] < 0.999).all()


def test_what_is_no_volume_and_the_batch_itself_stay_as_they_are(batch, rng) -> None:
    kept = batch["representation"].clone()
    turned = RandomTurns({"representation": SHAPE}, SPACE)(batch, rng)
    assert turned["viewpoint"] is batch["viewpoint"]
    assert torch.equal(batch["representation"], kept)
    assert RandomTurns({}, SPACE)(batch, rng) is batch


def test_the_generator_decides(batch) -> None:
    turns = RandomTurns({"representation": SHAPE}, SPACE)
    one, same, other = (turns(batch, np.random.default_rng(s))["representation"] for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_memory_turns_what_it_draws_and_not_what_it_keeps(batch, rng) -> None:
    memory = AnswerMemory(200, SPACE, 0, RandomTurns({"representation": SHAPE}, SPACE))
    memory.add({key: value.numpy() for key, value in batch.items()}, np.zeros(200, np.int64))
    drawn, _ = memory.sample(100, torch.device("cpu"))
    assert len(torch.unique(drawn["representation"], dim=0)) > 12
    assert len(np.unique(memory.snapshot()["observations/representation"], axis=0)) == 1


@pytest.mark.parametrize(
    ("volumes", "message"),
    [({"image": SHAPE}, "image"), ({"representation": (4, 4, 4, 2)}, r"\[4, 4, 4, 2\]")],
)
def test_volumes_that_are_not_there_are_refused(volumes, message) -> None:
    with pytest.raises(UserError, match=message):
        RandomTurns(volumes, SPACE)
